// @ec2: full DescribeTags

import type { ActionDefinition } from "../model/action.ts";
import { type FilterTable, type FilterValue, readFilters } from "./filters.ts";
import { taggedResources } from "./lookup.ts";
import { pageOf, readPage } from "./pages.ts";
import { Params, prepared } from "./params.ts";

interface ShownTag {
  readonly resourceId: string;
  readonly resourceType: string;
  readonly key: string;
  readonly value: string;
  readonly serial: number;
}

const FILTERS: FilterTable<ShownTag> = new Map<string, (item: ShownTag) => FilterValue>([
  ["key", (tag) => tag.key],
  ["value", (tag) => tag.value],
  ["resource-id", (tag) => tag.resourceId],
  ["resource-type", (tag) => tag.resourceType],
]);

export const describeTags: ActionDefinition = {
  name: "DescribeTags",
  isMutating: false,
  prepare(all) {
    const params = new Params(all);
    const page = readPage(params, all, { min: 5, max: 1000 });
    const matches = readFilters(params, FILTERS, (tag) => new Map([[tag.key, tag.value]]));
    return prepared(params, (world) => {
      const shown: ShownTag[] = [];
      let serial = 0;
      for (const resource of taggedResources(world)) {
        for (const [key, value] of resource.tags) {
          shown.push({ resourceId: resource.id, resourceType: resource.type, key, value, serial });
          serial++;
        }
      }
      const found = pageOf(world, shown.filter(matches), (tag) => tag.serial, page);
      return {
        tagSet: found.items.map(({ resourceId, resourceType, key, value }) => ({
          resourceId,
          resourceType,
          key,
          value,
        })),
        nextToken: found.nextToken,
      };
    });
  },
};
