// What the datapath is asked for and answers, as plain data: it crosses a thread's border.

import type { Cidr, Ipv4 } from "../base/ipv4.ts";
import type { Mac } from "../netlink/types.ts";

/** The key of one interface of one sandbox. */
export interface Attachment {
  readonly networkName: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** A pod's interface to be, with everything that its links, routes and rules are made of. */
export interface PodWiring extends Attachment {
  readonly namespace: string;
  readonly podName: string;
  readonly netnsPath: string;
  readonly address: Ipv4;
  /** Of the ENI that holds the address; `MAIN_TABLE` for the primary ENI. Branch pods: any. */
  readonly routeTableId: number;
  readonly mtu: number;
  /** At most 4 characters. */
  readonly vethPrefix: string;
  /** For pods with a branch ENI. */
  readonly branch?: BranchWiring | undefined;
}

export interface BranchWiring {
  /** 1 to 4094. */
  readonly vlanId: number;
  readonly mac: Mac;
  readonly gateway: Ipv4;
  readonly trunkMac: Mac;
  readonly mode: "strict" | "standard";
}

/** Why a pod could not be wired. The plugin has a CNI code for each. */
export type WireProblem =
  /** Something in the request cannot be: a name, the MTU, the VLAN id, the node's own namespace as the pod's. */
  | "invalid-wiring"
  /** The network namespace is not there, or went away midway. */
  | "namespace-gone"
  /** `ifName` exists in the pod and is not ours. */
  | "interface-exists"
  /** Another pod has the host link of this name: their hashes collide. */
  | "name-taken"
  /** No link has the trunk ENI's MAC. */
  | "trunk-missing"
  /** The kernel refused a change. */
  | "kernel-refused";

export type WireOutcome =
  | {
      readonly kind: "wired";
      readonly hostInterface: string;
      readonly hostMac: Mac;
      /** It was wired already, and rightly. */
      readonly isRepeat: boolean;
    }
  | {
      readonly kind: "failed";
      readonly problem: WireProblem;
      readonly message: string;
      readonly next: string;
      /** What the roll-back could not remove; nothing when empty. */
      readonly leftovers: readonly string[];
    };

/** What is known of a pod whose traces on the host are to go. */
export interface PodRemoval {
  /** Whose link it was: one of the same name that has become another sandbox's stays. Undefined: not known, the link is left alone. */
  readonly attachment: Attachment | undefined;
  /** 0: none is known, and nothing is removed by address. The caller is sure that no other pod has it by now, or says so below. */
  readonly address: Ipv4;
  /** The link's name; empty: not known. */
  readonly hostInterface: string;
  /** Above 0 for a branch pod. */
  readonly vlanId: number;
  /** Another pod, or another sandbox of this one, may have the address or the VLAN by now: then what is its own stays. */
  readonly mayBeTaken?: boolean;
}

/** An attached ENI as its link, address, table and rule are to be. */
export interface EniWiring {
  readonly mac: Mac;
  readonly primaryAddress: Ipv4;
  readonly subnet: Cidr;
  readonly routeTableId: number;
  readonly mtu: number;
  readonly isPrimary: boolean;
  readonly isTrunk: boolean;
}

/** The node's own rules, whatever pods it has. */
export interface NodeRules {
  /** Rule 1024; undefined: none. */
  readonly mark: number | undefined;
  /** Rules 1535, one each. */
  readonly externalServiceCidrs: readonly Cidr[];
  /** Strict mode of pod ENIs: the local table is looked up at 20, after the branch pods' rules. */
  readonly isLocalRuleMoved: boolean;
}

/** Everything on the host that is the agent's to keep. */
export interface HostWiring {
  readonly rules: NodeRules;
  readonly enis: readonly EniWiring[];
  readonly pods: readonly HostPod[];
  /** Addresses that this node's ENIs hold: a pod's rule to or from one of them, without a pod, is a leftover. */
  readonly ownRanges: readonly Cidr[];
  /** Those of them that surely have no pod when this is carried out; undefined: all without one. Others are reported and left. */
  readonly vacant?: readonly Ipv4[] | undefined;
  readonly vethPrefix: string;
  /** Pods with a branch ENI that are known to live. Those that the host's links tell of are looked after, too. */
  readonly branches?: readonly HostBranch[] | undefined;
}

export interface HostBranch {
  readonly attachment: Attachment;
  readonly address: Ipv4;
  readonly hostInterface: string;
  readonly branch: BranchWiring;
}

/** A branch pod as the host's links, routes and rules tell of it. */
export interface FoundBranch {
  readonly attachment: Attachment;
  /** Empty with `podName`: the alias is cut, and does not tell. */
  readonly namespace: string;
  readonly podName: string;
  readonly hostInterface: string;
  readonly mode: BranchWiring["mode"];
  readonly vlanId: number;
  /** Each undefined where nothing tells of it any more. */
  readonly address: Ipv4 | undefined;
  readonly gateway: Ipv4 | undefined;
  readonly mac: Mac | undefined;
  readonly trunkMac: Mac | undefined;
}

export interface HostPod {
  readonly address: Ipv4;
  readonly routeTableId: number;
  readonly hostInterface: string;
}

export interface HostReport {
  /** What was not as it should be and now is; one line each. */
  readonly repairs: readonly string[];
  /** What could not be put right; one line each. */
  readonly problems: readonly string[];
  /** Addresses of `pods` whose host link is not there. */
  readonly podsWithoutLink: readonly Ipv4[];
  /** Addresses of `ownRanges` with a pod's rules or route, without a pod, and not among `vacant`: nothing was removed. */
  readonly withoutPod?: readonly Ipv4[];
}
