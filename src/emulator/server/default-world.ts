// The world that the emulator serves when nobody describes one: a VPC with a /24 in each of three zones and one node in each.

import { assert } from "../../base/assert.ts";
import { parseCidr } from "../../base/ipv4.ts";
import type { Ms } from "../../base/units.ts";
import type { WorldDescription } from "../model/index.ts";

const REGION = "us-west-2";

export function defaultWorld(startWallMs: Ms): WorldDescription {
  const zones = ["a", "b", "c"];
  return {
    region: REGION,
    startWallMs,
    vpcs: [{ cidrs: [cidr("10.0.0.0/16")] }],
    subnets: zones.map((zone, index) => ({
      id: `subnet-0000000000000000${zone}`,
      az: `${REGION}${zone}`,
      cidr: cidr(`10.0.${index}.0/24`),
    })),
    instances: zones.map((zone, index) => ({
      id: `i-0000000000000000${zone}`,
      type: "m5.large",
      subnetId: `subnet-0000000000000000${zone}`,
      name: `node-${index + 1}`,
    })),
  };
}

function cidr(text: string) {
  const parsed = parseCidr(text);
  assert(parsed !== undefined, `${text} is a CIDR`);
  return parsed;
}
