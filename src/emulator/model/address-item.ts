// One address of an ENI as replies list it. A page of 1,000 ENIs can list 50,000, so the texts are made only when they are
// asked for; the XML encoder writes the number's digits and asks for none.

import { formatIpv4, type Ipv4 } from "../../base/ipv4.ts";
import type { ReplyTree } from "./types.ts";
import { dnsNameOf } from "./zones.ts";

export class AddressItem {
  readonly address: Ipv4;
  /** What follows the address in its private DNS name: `us-west-2.compute.internal`. */
  readonly domain: string;
  readonly primary: boolean;

  constructor(address: Ipv4, domain: string, primary: boolean) {
    this.address = address;
    this.domain = domain;
    this.primary = primary;
  }

  get privateIpAddress(): string {
    return formatIpv4(this.address);
  }

  get privateDnsName(): string {
    return dnsNameOf(this.address, this.domain);
  }

  /** The same as a plain structure. */
  get tree(): ReplyTree {
    const { privateIpAddress, privateDnsName, primary } = this;
    return { privateIpAddress, privateDnsName, primary };
  }
}
