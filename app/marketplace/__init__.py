"""An Open Service Broker for RabbitMQ: what a platform's marketplace asks for its service instances and bindings.

    service instance → a vhost        its description says who asked for it and by which plan, its limits are the plan's
    service binding  → a user         all rights inside that vhost, none elsewhere

All of its state is in RabbitMQ, so any number of these processes may run, and none of them has anything to lose.
The protocol: https://github.com/openservicebrokerapi/servicebroker/blob/v2.17/spec.md
"""
