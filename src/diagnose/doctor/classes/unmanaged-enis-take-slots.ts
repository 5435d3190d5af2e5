// ENIs that the agent may not use take the node's ENI slots.

import type { Evidence, Sighting } from "../../facts/model.ts";
import { quotes } from "../../facts/settings.ts";
import { defineClass } from "../failure-class.ts";
import { CAPACITY_NEEDS, NodeIndex, type NodeOrNone } from "../node-index.ts";
import { overPromised, troubleOn } from "../over-promise.ts";
import { nodeWords } from "../wording.ts";

const NO_MANAGE = "node.k8s.amazonaws.com/no_manage";

export const failureClass = defineClass({
  id: "unmanaged-enis-take-slots",
  title: "unmanaged ENIs take the node's slots",
  needs: [...CAPACITY_NEEDS],
  lookAlikes: [],
  docs: {
    what: "ENIs that the agent must leave alone count against the type's limit, so the node carries fewer pods than max-pods says.",
    why: "ENIs tagged node.k8s.amazonaws.com/no_manage=true, EFA-only interfaces, and untagged ones where MANAGE_UNTAGGED_ENI=false (Multus, EFA, appliances). The agent subtracts them from its limit; max-pods does not. It looks like max-pods too high, or like a wrong table.",
    next: "Subtract these ENIs in max-pods, or remove stray tags and ENIs that nothing uses.",
    prevention: "A planner takes the number of extra ENIs per node as an input.",
    sources: ["https://github.com/aws/amazon-vpc-cni-k8s/issues/1077", "amazon-vpc-cni-k8s README: ENI tags"],
  },
  look(facts, notes) {
    const index = new NodeIndex(facts);
    const promised = new Set<NodeOrNone>(overPromised(facts, index, "unmanaged ENIs").map((one) => one.view.node));
    const nodes = [...new Set<NodeOrNone>([...index.keys, ...promised])].filter((node) => takesSlots(index, node));
    const hurt = nodes.filter((node) => promised.has(node) || troubleOn(index, node, 0).trouble === "full");
    const [node] = hurt;
    if (hurt.length === 0) return;
    const room = index.sightings(node, "room-for-eni").at(-1);
    const rooms = quotes(room === undefined ? [] : [room], 1);
    const quoted = quotes(marks(index, node), 2);
    notes.sign(...rooms, ...quoted, ...tagged(index, node));
    notes.affects({ nodes: hurt });
    for (const one of hurt)
      notes.seen(...index.sightings(one, "eni-limit-reached").map(({ occurrences }) => occurrences));
    notes.proof("without the unmanaged ENIs the node would have room for another", rooms, {
      what: "the agent's room test: currentENIs, maxENI, unmanagedENI",
      command: "sudo grep hasRoomForEni /var/log/aws-routed-eni/ipamd.log | tail -n 5",
    });
    notes.proof("pods are refused at that limit", troubleOn(index, node, 0).troubleEvidence, {
      what: "the refusals of the node",
      command: "sudo tail -n 20000 /var/log/aws-routed-eni/ipamd.log > ipamd.log",
    });
    const unmanaged = room?.captures.unmanagedEni ?? "some";
    const enis = marks(index, node).flatMap((one) => one.captures.eni ?? []);
    notes.summary(
      `On ${nodeWords(node)} ${unmanaged} of ${room?.captures.maxEni ?? "its"} ENIs are not the agent's${enis.length > 0 ? ` (${[...new Set(enis)].join(", ")})` : ""}: ${room?.captures.currentEnis ?? "fewer"} are left for pods, and all are attached.`,
    );
    const eni = enis[0] ?? "ENI_ID";
    notes.fix(
      `aws ec2 describe-network-interfaces --network-interface-ids ${eni} --query 'NetworkInterfaces[0].[Description,InterfaceType,TagSet]'   # who uses it`,
      `Where nothing uses it: aws ec2 delete-tags --resources ${eni} --tags Key=${NO_MANAGE}, then kubectl -n kube-system rollout restart daemonset aws-node`,
      "Where it is needed: lower max-pods of these nodes by (addresses per ENI - 1), times 16 with prefixes, for each such ENI",
    );
  },
});

/** The room test fails, and would not but for unmanaged ENIs. */
function takesSlots(index: NodeIndex, node: NodeOrNone): boolean {
  const room = index.sightings(node, "room-for-eni").at(-1)?.captures;
  if (room === undefined) return tagged(index, node).length > 0 || marks(index, node).length > 0;
  const unmanaged = Number(room.unmanagedEni);
  return (
    room.hasRoom === "false" && unmanaged > 0 && Number(room.currentEnis) + Number(room.trunkEni) < Number(room.maxEni)
  );
}

function tagged(index: NodeIndex, node: NodeOrNone): Evidence[] {
  return index
    .enis(node)
    .filter((eni) => eni.tags.get(NO_MANAGE) === "true" || eni.interfaceType === "efa-only")
    .map((eni) => ({
      source: eni.at,
      text: `${eni.id} ${eni.interfaceType}, ${NO_MANAGE}=${eni.tags.get(NO_MANAGE)}`,
    }));
}

/** Lines that name an unmanaged ENI, or count more than none. */
function marks(index: NodeIndex, node: NodeOrNone): readonly Sighting[] {
  return index.sightings(node, "unmanaged-eni").filter(({ captures, occurrences }) => {
    if (captures.eni !== undefined) return true;
    return occurrences.samples.some(({ text }) => /accounting for [1-9]/.test(text));
  });
}
