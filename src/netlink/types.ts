// What the kernel is asked to change and what it reports, as plain data: the words of rtnetlink without its bytes.
// Sources: include/uapi/linux/{rtnetlink,if_link,fib_rules,neighbour}.h of Linux 6.1.

import type { Cidr, Ipv4 } from "../base/ipv4.ts";

/** A Linux error number, positive; 0: carried out. */
export type Errno = number;

/** Table ids that have names (rtnetlink.h). */
export const DEFAULT_TABLE = 253;
export const MAIN_TABLE = 254;
export const LOCAL_TABLE = 255;

/** Lower case, six hex pairs with colons. */
export type Mac = string;

export interface RouteSpec {
  readonly table: number;
  /** A /0 is the default route. */
  readonly destination: Cidr;
  readonly linkIndex: number;
  readonly gateway?: Ipv4 | undefined;
  readonly scope: "universe" | "link";
  readonly preferredSource?: Ipv4 | undefined;
}

/** A policy rule of IPv4 whose action is a table look-up. */
export interface RuleSpec {
  readonly priority: number;
  readonly table: number;
  /** Left out: from all. */
  readonly from?: Cidr | undefined;
  /** Left out: to all. */
  readonly to?: Cidr | undefined;
  readonly mark?: { readonly value: number; readonly mask: number } | undefined;
  readonly inInterface?: string | undefined;
}

/** One thing asked of the kernel. What exists already or is gone already is reported by its errno, never hidden. */
export type Change =
  /**
   * Both ends at once, both down; the peer is born in another namespace. No queue on either end. Neither end can be created up:
   * veth refuses it with ENOTCONN until both exist.
   */
  | {
      readonly change: "addVeth";
      readonly name: string;
      readonly mac: Mac;
      readonly mtu: number;
      readonly peer: {
        readonly name: string;
        /** An open descriptor of the peer's network namespace. */
        readonly namespaceFd: number;
      };
    }
  /** A link of type vlan (802.1Q) on a parent. */
  | {
      readonly change: "addVlan";
      readonly name: string;
      readonly parentIndex: number;
      readonly vlanId: number;
      readonly mac: Mac;
    }
  /** Changes what is given and leaves the rest. */
  | {
      readonly change: "setLink";
      /** By index, or by name. */
      readonly link: number | string;
      readonly isUp?: boolean;
      readonly mtu?: number;
      /** Text that `ip link` shows as alias; at most 255 bytes. */
      readonly alias?: string;
    }
  | { readonly change: "deleteLink"; readonly link: number | string }
  | {
      readonly change: "addAddress";
      readonly linkIndex: number;
      readonly address: Ipv4;
      readonly prefixLength: number;
      /** With the subnet's broadcast address. */
      readonly hasBroadcast: boolean;
    }
  | {
      readonly change: "deleteAddress";
      readonly linkIndex: number;
      readonly address: Ipv4;
      readonly prefixLength: number;
    }
  /** EEXIST when the table has a route to this destination. */
  | { readonly change: "addRoute"; readonly route: RouteSpec }
  | { readonly change: "replaceRoute"; readonly route: RouteSpec }
  /** ESRCH when there is none. `linkIndex` 0 and scope "any" match every one. */
  | {
      readonly change: "deleteRoute";
      readonly route: Omit<RouteSpec, "scope"> & { readonly scope: RouteSpec["scope"] | "any" };
    }
  /**
   * EEXIST when an equal rule stands, or one that is equal but for a source or destination that this one does not name.
   * `isAddedTwice`: never EEXIST; an equal rule stands twice afterwards.
   */
  | { readonly change: "addRule"; readonly rule: RuleSpec; readonly isAddedTwice?: boolean }
  /** ENOENT when none matches; of several equal rules one goes. A `table` of 0 matches any. */
  | { readonly change: "deleteRule"; readonly rule: RuleSpec }
  /** A permanent entry; takes the place of what stands there. */
  | {
      readonly change: "setNeighbour";
      readonly linkIndex: number;
      readonly address: Ipv4;
      readonly mac: Mac;
    };

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly mac: Mac;
  readonly mtu: number;
  readonly isUp: boolean;
  /** `veth`, `vlan`, …; empty for a device without rtnl type. */
  readonly kind: string;
  /** IFLA_LINK: a vlan's parent, a veth's peer (an index in the peer's namespace); 0 when there is none. */
  readonly parentIndex: number;
  /** 0 unless `kind` is vlan. */
  readonly vlanId: number;
  readonly alias: string;
  readonly txQueueLength: number;
}

export interface LinkAddress {
  readonly linkIndex: number;
  readonly address: Ipv4;
  readonly prefixLength: number;
  readonly scope: number;
}

export interface Route extends Omit<RouteSpec, "scope"> {
  /** RT_SCOPE_*: 0 universe, 253 link, 254 host. */
  readonly scope: number;
  /** RTPROT_*: 2 kernel, 3 boot, 16 dhcp, … */
  readonly protocol: number;
  /** RTN_*: 1 unicast, 2 local, 3 broadcast, … */
  readonly type: number;
  readonly metric: number;
}

export interface Rule extends RuleSpec {
  /** False when the rule has a condition or an action that `RuleSpec` cannot say: never ours. */
  readonly isPlain: boolean;
}

export interface Neighbour {
  readonly linkIndex: number;
  readonly address: Ipv4;
  readonly mac: Mac;
  readonly isPermanent: boolean;
}
