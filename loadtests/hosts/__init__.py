"""The target `hosts`: the stack on servers, found by an Ansible inventory and reached by ssh."""
