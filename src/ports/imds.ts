// The instance metadata service, version 2.

import type { Cidr } from "../base/ipv4.ts";
import type { ImdsEni } from "../ipam/types.ts";

export interface Imds {
  /** Facts of the instance. Rejects with an `Error` naming the path that failed. */
  instance(): Promise<ImdsInstance>;
  /** All attached ENIs. Rejects with an `Error` naming the path that failed. */
  enis(): Promise<ImdsEni[]>;
  /** Security groups of the primary ENI. */
  securityGroupIds(): Promise<string[]>;
  /** All IPv4 CIDRs of the VPC. */
  vpcCidrs(): Promise<Cidr[]>;
}

export interface ImdsInstance {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly region: string;
  readonly availabilityZone: string;
  readonly localIpv4: string;
  readonly primaryMac: string;
  readonly primaryEniId: string;
  readonly primarySubnetId: string;
  readonly vpcId: string;
}
