// @ec2: full DescribeTrunkInterfaceAssociations

import type { ActionDefinition } from "../model/action.ts";
import { NO_TAGS, type TrunkAssociation } from "../model/records.ts";
import { refuse } from "../model/refusal.ts";
import { trunkAssociationView } from "../model/views.ts";
import { type FilterTable, type FilterValue, readFilters } from "./filters.ts";
import { pageOf, readPage } from "./pages.ts";
import { checkId, Params, prepared } from "./params.ts";

const FILTERS: FilterTable<TrunkAssociation> = new Map<string, (item: TrunkAssociation) => FilterValue>([
  ["association-id", (association) => association.id],
  ["branch-interface-id", (association) => association.branch.id],
  ["trunk-interface-id", (association) => association.trunk.id],
  ["interface-protocol", (association) => (association.vlanId === undefined ? "GRE" : "VLAN")],
  ["vlan-id", ({ vlanId }) => (vlanId === undefined ? undefined : String(vlanId))],
  ["gre-key", ({ greKey }) => (greKey === undefined ? undefined : String(greKey))],
]);

export const describeTrunkInterfaceAssociations: ActionDefinition = {
  name: "DescribeTrunkInterfaceAssociations",
  isMutating: false,
  prepare(all) {
    const params = new Params(all);
    const ids = [...new Set(params.list("AssociationId"))].map((id) => checkId("trunk-assoc", id));
    const page = readPage(params, all, { min: 5, max: 255, idsName: "associationIds", idCount: ids.length });
    const matches = readFilters(params, FILTERS, () => NO_TAGS);
    return prepared(params, (world) => {
      const named = ids.map((id) => world.trunkAssociations.get(id) ?? noAssociation(id));
      const candidates = ids.length > 0 ? named : [...world.trunkAssociations.values()];
      const shown = candidates.filter(matches).sort((a, b) => a.serial - b.serial);
      const found = pageOf(world, shown, (association) => association.serial, page);
      return { interfaceAssociationSet: found.items.map(trunkAssociationView), nextToken: found.nextToken };
    });
  },
};

export function noAssociation(id: string): never {
  refuse("InvalidAssociationID.NotFound", `The association ID '${id}' does not exist`);
}
