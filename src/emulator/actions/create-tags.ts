// @ec2: full CreateTags

import type { ActionDefinition } from "../model/action.ts";
import { refuse } from "../model/refusal.ts";
import { taggedOf } from "./lookup.ts";
import { Params, prepared, readTags, TAGS_MAX } from "./params.ts";

export const createTags: ActionDefinition = {
  name: "CreateTags",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const ids = [...new Set(params.list("ResourceId"))];
    const tags = readTags(params);
    if (ids.length === 0) refuse("MissingParameter", "The request must contain the parameter resourceIdSet");
    if (tags.length === 0) refuse("MissingParameter", "The request must contain the parameter tagSet");
    return prepared(params, (world) => {
      const changes = ids.map((id) => {
        const resource = taggedOf(world, id);
        const merged = new Map(resource.tags);
        for (const [key, value] of tags) merged.set(key, value ?? "");
        if (merged.size > TAGS_MAX) {
          refuse("TagLimitExceeded", `The maximum number of Tags for a resource is ${TAGS_MAX}.`);
        }
        return { resource, merged };
      });
      for (const { resource, merged } of changes) resource.set(merged);
      return { return: true };
    });
  },
};
