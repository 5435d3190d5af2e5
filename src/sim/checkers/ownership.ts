// I11: what the agent did not create, or cannot prove free, it leaves alone. An ENI is its own when it is the instance's
// primary one, when it carries this instance's tag or, untagged and attached here, by MANAGE_UNTAGGED_ENI. One that is attached
// to nothing is given away by the tag, the description and an age of 5 minutes (ipamd.md 1.7, 6.6).

import type { Ec2Intention, EniId } from "../../ipam/types.ts";
import type { Verdicts } from "./verdicts.ts";
import type { Witness, WitnessedEni } from "./witness.ts";

const INSTANCE_TAG = "node.k8s.amazonaws.com/instance_id";
const NO_MANAGE_TAG = "node.k8s.amazonaws.com/no_manage";
const DESCRIPTION_PREFIX = "aws-K8S-";

export interface Owner {
  readonly name: string;
  readonly instanceId: string;
  readonly primaryEniId: EniId;
}

/** At the moment the call takes effect. */
export function checkOwnership(verdicts: Verdicts, witness: Witness, owner: Owner, intention: Ec2Intention): void {
  const eni = touchedEni(witness, intention);
  if (eni === undefined) return;
  const { name } = owner;
  const isOurs =
    intention.action === "DeleteNetworkInterface"
      ? isOurMake(eni)
      : eni.instanceId === undefined
        ? isOurMake(eni)
        : isOurAttached(owner, eni);
  verdicts.demand(isOurs, "I11", () => `${name} uses ${intention.action} on ${eni.eniId}, which is not its own`);
  if (intention.action === "DetachNetworkInterface" || intention.action === "DeleteNetworkInterface")
    verdicts.demand(
      eni.eniId !== owner.primaryEniId,
      "I11",
      () => `${name} uses ${intention.action} on its primary ENI`,
    );
}

/** The ENI that a changing call names; undefined for reads, creations, and what EC2 does not know. */
function touchedEni(witness: Witness, intention: Ec2Intention): WitnessedEni | undefined {
  switch (intention.action) {
    case "AssignPrivateIpAddresses":
    case "UnassignPrivateIpAddresses":
    case "AttachNetworkInterface":
    case "SetDeleteOnTermination":
    case "SetSecurityGroups":
    case "DeleteNetworkInterface":
      return witness.eni(intention.eniId);
    case "CreateTags":
      return witness.eni(intention.resourceId);
    case "DetachNetworkInterface":
      return witness.eniOfAttachment(intention.attachmentId);
    default:
      return undefined;
  }
}

function isOurMake(eni: WitnessedEni): boolean {
  return eni.tag(INSTANCE_TAG) !== undefined && eni.description.startsWith(DESCRIPTION_PREFIX);
}

function isOurAttached({ instanceId, primaryEniId }: Owner, eni: WitnessedEni): boolean {
  if (eni.instanceId !== instanceId) return false;
  return eni.eniId === primaryEniId || eni.tag(NO_MANAGE_TAG) !== "true";
}
