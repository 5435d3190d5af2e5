// One pod of a secondary ENI, for tests on the kernel of maps.

import { parseIpv4 } from "../../base/ipv4.ts";
import type { PodWiring } from "../types.ts";

export const WEB: PodWiring = {
  networkName: "aws-cni",
  containerId: "c1",
  ifName: "eth0",
  namespace: "default",
  podName: "web-0",
  netnsPath: "/run/netns/web",
  address: parseIpv4("10.0.101.5") ?? 0,
  routeTableId: 2,
  mtu: 9001,
  vethPrefix: "eni",
};
