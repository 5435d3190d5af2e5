// @ec2: full DeleteTags

import type { ActionDefinition } from "../model/action.ts";
import { refuse } from "../model/refusal.ts";
import { taggedOf } from "./lookup.ts";
import { Params, prepared, readTags } from "./params.ts";

export const deleteTags: ActionDefinition = {
  name: "DeleteTags",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const ids = [...new Set(params.list("ResourceId"))];
    const tags = readTags(params);
    if (ids.length === 0) refuse("MissingParameter", "The request must contain the parameter resourceIdSet");
    return prepared(params, (world) => {
      const resources = ids.map((id) => taggedOf(world, id));
      for (const resource of resources) {
        // Without any tag: all of the caller's own; AWS's own stay.
        const kept = new Map(
          tags.length === 0 ? [...resource.tags].filter(([key]) => key.startsWith("aws:")) : resource.tags,
        );
        for (const [key, value] of tags) if (value === undefined || kept.get(key) === value) kept.delete(key);
        resource.set(kept);
      }
      return { return: true };
    });
  },
};
