"""The protocol's side: what a platform asks, answered from the vhosts and users of RabbitMQ."""

import re
import time
from typing import Any

from openbrokerapi import errors
from openbrokerapi.catalog import Schemas, ServiceMetadata, ServicePlan, ServicePlanMetadata
from openbrokerapi.service_broker import (
    BindDetails,
    Binding,
    BindState,
    DeprovisionDetails,
    DeprovisionServiceSpec,
    GetBindingSpec,
    GetInstanceDetailsSpec,
    LastOperation,
    OperationState,
    ProvisionDetails,
    ProvisionedServiceSpec,
    ProvisionState,
    Service,
    ServiceBroker,
    UnbindDetails,
    UnbindSpec,
    UpdateDetails,
    UpdateServiceSpec,
)

from app.marketplace.bindings import Bindings, DifferentBinding
from app.marketplace.instances import Instances, NameTaken, Order
from app.marketplace.management import RabbitMQSlow
from app.marketplace.plans import Offering, Plan

# An instance's id becomes a vhost's name, a binding's id a user's. Platforms send GUIDs.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
# Seconds that a platform which cannot wait asynchronously waits; it gives up after 60.
_SYNC_WITHIN = 25.0
_LOOK_EVERY = 0.2
_PROVISION, _DEPROVISION = "provision", "deprovision"
_NO_PARAMETERS = {"create": {"parameters": {"type": "object", "additionalProperties": False}}}


class Conflict(Exception):
    """What is asked for is there already, but different. The text is for the platform's user."""


class Marketplace(ServiceBroker):
    """`patience`: seconds that a request waits before it is answered "in progress", where the platform allows that."""

    def __init__(self, offering: Offering, instances: Instances, bindings: Bindings, patience: float) -> None:
        self._offering, self._instances, self._bindings, self._patience = offering, instances, bindings, patience

    def catalog(self) -> Service:
        service = self._offering.service
        return Service(
            id=service.id,
            name=service.name,
            description=service.description,
            bindable=True,
            plan_updateable=True,
            instances_retrievable=True,
            bindings_retrievable=True,
            # Applications find the binding by these, whatever the service is called.
            tags=["amqp", "rabbitmq"],
            metadata=ServiceMetadata(displayName="RabbitMQ", longDescription=service.description),
            plans=[
                ServicePlan(
                    id=plan.id,
                    name=plan.name,
                    description=plan.description,
                    free=plan.free,
                    bindable=True,
                    metadata=ServicePlanMetadata(displayName=plan.name, bullets=plan.bullets),
                    schemas=Schemas(service_instance=_NO_PARAMETERS, service_binding=_NO_PARAMETERS),
                )
                for plan in self._offering.plans
            ],
        )

    def provision(
        self, instance_id: str, details: ProvisionDetails, async_allowed: bool, **_: Any
    ) -> ProvisionedServiceSpec:
        plan = self._checked(details.service_id, details.plan_id, details.parameters, instance_id)
        order = Order(details.service_id, plan.id, str(details.organization_guid), str(details.space_guid))
        found = self._instances.find(instance_id)
        if found and found != order:
            raise Conflict(f"there is a service instance {instance_id} already, with other attributes")
        try:
            self._instances.make(instance_id, order, plan)  # also completes one that was left half-made
        except NameTaken as error:
            raise Conflict(str(error)) from error
        if found and self._instances.is_ready(instance_id):
            return ProvisionedServiceSpec(ProvisionState.IDENTICAL_ALREADY_EXISTS)
        if not self._started(instance_id, self._patience if async_allowed else _SYNC_WITHIN):
            if not async_allowed:
                raise RabbitMQSlow("the vhost has not started on every node yet")
            return ProvisionedServiceSpec(ProvisionState.IS_ASYNC, operation=_PROVISION)
        state = ProvisionState.IDENTICAL_ALREADY_EXISTS if found else ProvisionState.SUCCESSFUL_CREATED
        return ProvisionedServiceSpec(state)

    def update(self, instance_id: str, details: UpdateDetails, async_allowed: bool, **_: Any) -> UpdateServiceSpec:
        order = self._order(instance_id)
        if order is None:
            raise errors.ErrBadRequest(f"there is no service instance {instance_id}")
        plan = self._checked(details.service_id, details.plan_id or order.plan, details.parameters, instance_id)
        self._instances.make(instance_id, Order(order.service, plan.id, order.organization, order.space), plan)
        return UpdateServiceSpec(is_async=False)

    def deprovision(
        self, instance_id: str, details: DeprovisionDetails, async_allowed: bool, **_: Any
    ) -> DeprovisionServiceSpec:
        self._checked(details.service_id, details.plan_id, None, instance_id)
        try:
            if not self._instances.delete(instance_id):
                raise errors.ErrInstanceDoesNotExist
        except RabbitMQSlow:  # a vhost with many queues: RabbitMQ goes on deleting
            if not async_allowed:
                raise
            return DeprovisionServiceSpec(is_async=True, operation=_DEPROVISION)
        waits = async_allowed and not self._patience
        return DeprovisionServiceSpec(is_async=waits, operation=_DEPROVISION if waits else None)

    def last_operation(
        self, instance_id: str, operation_data: str | None, service_id: str | None, plan_id: str | None, **_: Any
    ) -> LastOperation:
        """Each look does what is left to do, so that no process has to remember anything in between."""
        if operation_data == _DEPROVISION:
            try:
                self._instances.delete(instance_id)
            except RabbitMQSlow:
                return LastOperation(OperationState.IN_PROGRESS, "RabbitMQ is deleting the vhost")
            raise errors.ErrInstanceDoesNotExist
        if self._order(instance_id) is None:
            return LastOperation(OperationState.FAILED, "its vhost is gone")
        if self._instances.is_ready(instance_id):
            return LastOperation(OperationState.SUCCEEDED)
        return LastOperation(OperationState.IN_PROGRESS, "the vhost is starting")

    def get_instance(self, instance_id: str, **_: Any) -> GetInstanceDetailsSpec:
        order = self._order(instance_id)
        if order is None:
            raise errors.ErrInstanceDoesNotExist
        return GetInstanceDetailsSpec(order.service, order.plan)

    def bind(self, instance_id: str, binding_id: str, details: BindDetails, async_allowed: bool, **_: Any) -> Binding:
        self._checked(details.service_id, details.plan_id, details.parameters, instance_id, binding_id)
        order = self._order(instance_id)
        if order is None:
            raise errors.ErrBadRequest(f"there is no service instance {instance_id}")
        if order.plan != details.plan_id:
            raise errors.ErrBadRequest(f"the service instance {instance_id} has another plan")
        try:
            if there := self._bindings.find(instance_id, binding_id):
                return Binding(BindState.IDENTICAL_ALREADY_EXISTS, there)
            return Binding(BindState.SUCCESSFUL_BOUND, self._bindings.make(instance_id, binding_id))
        except (DifferentBinding, NameTaken) as error:
            raise Conflict(str(error)) from error

    def unbind(
        self, instance_id: str, binding_id: str, details: UnbindDetails, async_allowed: bool, **_: Any
    ) -> UnbindSpec:
        self._checked(details.service_id, details.plan_id, None, instance_id, binding_id)
        if not self._bindings.delete(instance_id, binding_id):
            raise errors.ErrBindingDoesNotExist
        return UnbindSpec(is_async=False)

    def get_binding(self, instance_id: str, binding_id: str, **_: Any) -> GetBindingSpec:
        _check_ids(instance_id, binding_id)
        try:
            credentials = self._bindings.find(instance_id, binding_id)
        except DifferentBinding:
            credentials = None
        if credentials is None:
            raise errors.ErrBindingDoesNotExist
        return GetBindingSpec(credentials)

    def _order(self, instance_id: str) -> Order | None:
        _check_ids(instance_id)
        return self._instances.find(instance_id)

    def _checked(self, service_id: str, plan_id: str, parameters: dict[str, Any] | None, *ids: str) -> Plan:
        """The plan. Raises what the platform's user can mend."""
        _check_ids(*ids)
        if service_id != self._offering.service.id:
            raise errors.ErrBadRequest(f"there is no service {service_id} in the catalog")
        if plan_id not in self._offering.by_id:
            raise errors.ErrBadRequest(f"there is no plan {plan_id} in the catalog")
        if parameters:
            raise errors.ErrBadRequest("this service takes no parameters; choose a plan instead")
        return self._offering.by_id[plan_id]

    def _started(self, instance_id: str, within: float) -> bool:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if self._instances.is_ready(instance_id):
                return True
            time.sleep(_LOOK_EVERY)
        return False


def _check_ids(*ids: str) -> None:
    for each in ids:
        if not _ID.fullmatch(each):
            raise errors.ErrBadRequest("an id must be of letters, digits, '.', '_' and '-', at most 200")
