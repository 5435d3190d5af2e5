// @ec2: partial AssociateVpcCidrBlock "IPv6 and IPAM pools are refused as unknown parameters"

import { type Cidr, cidrsOverlap, cidrWithin, formatCidr, parseCidr } from "../../base/ipv4.ts";
import type { ActionDefinition } from "../model/action.ts";
import type { VpcCidr } from "../model/records.ts";
import { refuse } from "../model/refusal.ts";
import { vpcCidrView } from "../model/views.ts";
import { vpcOf } from "./lookup.ts";
import { checkId, Params, prepared } from "./params.ts";

/** 1 s until a block is usable. Inferred: kops #15841 met subnets refused right after the association. */
const ASSOCIATION_MS = { min: 500, max: 1500 };

/** The private families of RFC 1918: a VPC that starts in one cannot add another's blocks (VPC guide, read 2026-08). */
const FAMILIES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].flatMap((text) => parseCidr(text) ?? []);
const TEN_0_15 = parseCidr("10.0.0.0/15");
const TEN_0_16 = parseCidr("10.0.0.0/16");

export const associateVpcCidrBlock: ActionDefinition = {
  name: "AssociateVpcCidrBlock",
  isMutating: true,
  prepare(all) {
    const params = new Params(all);
    const vpcId = checkId("vpc", params.required("VpcId"));
    const cidrText = params.required("CidrBlock");
    const cidr =
      parseCidr(cidrText) ??
      refuse(
        "InvalidParameterValue",
        `Value (${cidrText}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
      );
    return prepared(params, (world) => {
      const vpc = vpcOf(world, vpcId);
      const blocks = vpc.cidrs.map((block) => block.cidr);
      if (cidr.prefixLength < 16 || cidr.prefixLength > 28 || isRestricted(blocks, cidr)) {
        refuse("InvalidVpc.Range", `The CIDR '${cidrText}' is invalid.`);
      }
      if (blocks.some((block) => cidrsOverlap(block, cidr))) {
        refuse("CidrConflict", `The CIDR '${formatCidr(cidr)}' conflicts with another CIDR of the VPC`);
      }
      const limit = world.knobs.quotaCidrsPerVpc;
      if (world.knobs.quotas !== "off" && blocks.length >= limit) {
        refuse("CidrLimitExceeded", `This network '${vpcId}' has met its maximum number of allowed CIDRs: ${limit}`);
      }
      const associationId = world.ids.next("vpc-cidr-assoc");
      const block: VpcCidr = { associationId, cidr, state: "associating" };
      vpc.cidrs.push(block);
      const reply = { vpcId, cidrBlockAssociation: vpcCidrView(block) };
      const delay = world.knobs.latency === "none" ? { min: 0, max: 0 } : ASSOCIATION_MS;
      world.schedule(delay, { kind: "cidrAssociated", vpc, associationId });
      return reply;
    });
  },
};

function isRestricted(blocks: readonly Cidr[], cidr: Cidr): boolean {
  const primary = blocks[0];
  const ours = FAMILIES.find((family) => primary !== undefined && cidrWithin(primary, family));
  const theirs = FAMILIES.find((family) => cidrWithin(cidr, family));
  if (ours !== undefined && theirs !== undefined && ours !== theirs) return true;
  const startsLow = TEN_0_15 !== undefined && blocks.some((block) => cidrWithin(block, TEN_0_15));
  return startsLow && TEN_0_16 !== undefined && cidrWithin(cidr, TEN_0_16);
}
