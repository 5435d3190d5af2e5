// @ec2: full TerminateInstances

import type { ActionDefinition } from "../model/action.ts";
import { refuse } from "../model/refusal.ts";
import { stateView } from "../model/views.ts";
import { instancesOf } from "./lookup.ts";
import { checkId, Params, prepared } from "./params.ts";

export const terminateInstances: ActionDefinition = {
  name: "TerminateInstances",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const ids = [...new Set(params.list("InstanceId"))].map((id) => checkId("i", id));
    params.boolean("Force");
    params.boolean("SkipOsShutdown");
    if (ids.length === 0) refuse("InvalidParameterCombination", "No instances specified");
    return prepared(
      params,
      (world) => {
        const items = instancesOf(world, ids).map((instance) => {
          const previousState = stateView(instance.state);
          if (instance.state !== "terminated" && instance.state !== "shutting-down") {
            instance.state = "shutting-down";
            world.schedule(world.knobs.terminateDelay, { kind: "terminated", instance });
          }
          return { instanceId: instance.id, currentState: stateView(instance.state), previousState };
        });
        return { instancesSet: items };
      },
      { resourceCount: ids.length },
    );
  },
};
