"""`/v2/me`: who calls, and what the tier leaves to do (contract: control plane 4.2)."""

from __future__ import annotations

from cyoda.clock import system_clock
from tenants.cloud import scopes
from tenants.cloud.endpoint import Answer, Call, Endpoint
from tenants.cloud.shapes import Me, Quota, Window
from tenants.services.environments import DEPLOY_WINDOW, deploys_since

_WINDOW = "24h"
_UNLIMITED = -1


def whoami(call: Call) -> Answer:
    caller, limits = call.caller, call.caller.limits
    used = len(deploys_since(caller.organisation, system_clock() - DEPLOY_WINDOW))
    return Answer(
        200,
        Me(
            user_id=caller.principal.user_id,
            org_id=str(caller.organisation.pk),
            tier=caller.tier.pk,
            roles=list(caller.principal.roles),
            scopes=sorted(caller.scopes),
            is_cyoda_employee=caller.is_employee,
            quota=Quota(
                env_deploys=Window(
                    window=_WINDOW, used=used, limit=_UNLIMITED if limits is None else limits.env_deploys_per_day
                ),
                app_deploys=Window(window=_WINDOW, used=0, limit=0),
            ),
            features={"deploy_app": False},
        ),
    )


ONE = {
    "GET": Endpoint(answer=whoami, summary="Who calls", scope=scopes.READ_BUILDS, answers={200: Me}),
}
