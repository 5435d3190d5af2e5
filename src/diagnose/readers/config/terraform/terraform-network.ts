// Subnets, reservations and security groups that Terraform declares; their ids are their addresses in the file.

import { parseCidr } from "../../../../base/ipv4.ts";
import type { FactsPart, Tags } from "../../../facts/model.ts";
import type { Placed } from "../../placed.ts";
import type { HclBlock } from "./hcl-module.ts";

export function readSubnet({ body, address }: HclBlock): FactsPart {
  const cidr = parseCidr(body.get("cidr_block").text ?? "");
  const zone = body.get("availability_zone").text;
  const at = cidr === undefined ? body.at : body.get("cidr_block").at;
  return { subnets: [{ id: address, cidr, zone, tags: tagsOf(body.get("tags")), isLive: false, at }] };
}

export function readReservation({ body, address }: HclBlock): FactsPart {
  const cidr = parseCidr(body.get("cidr_block").text ?? "");
  const subnetId = body.get("subnet_id").text;
  const type = body.get("reservation_type").text;
  if (cidr === undefined || subnetId === undefined || (type !== "prefix" && type !== "explicit")) return {};
  return { reservations: [{ id: address, subnetId, cidr, type, isLive: false, at: body.get("cidr_block").at }] };
}

export function readSecurityGroup({ body, address }: HclBlock): FactsPart {
  return { securityGroups: [{ id: address, vpcId: body.get("vpc_id").text, at: body.at }] };
}

/**
 * The common VPC module: ranges of its private subnets, one for each zone of `azs` in order. The public and the intra ones are for
 * balancers and the control plane in most clusters: taken for those of pods, their size would be blamed wrongly.
 */
export function readVpcModule({ body, address }: HclBlock): FactsPart {
  if (!/vpc\/aws\b/.test(body.get("source").text ?? "")) return {};
  const zones = body.get("azs").items();
  const tags = tagsOf(body.get("private_subnet_tags"));
  return {
    subnets: body
      .get("private_subnets")
      .items()
      .flatMap((item, index) => {
        const cidr = parseCidr(item.text ?? "");
        if (cidr === undefined) return [];
        const zone = zones.length === 0 ? undefined : zones[index % zones.length]?.text;
        return [{ id: `${address}.private_subnets[${index}]`, cidr, zone, tags, isLive: false, at: item.at }];
      }),
  };
}

function tagsOf(tags: Placed): Tags {
  return new Map(tags.entries().flatMap(([key, value]) => (value.text === undefined ? [] : [[key, value.text]])));
}
