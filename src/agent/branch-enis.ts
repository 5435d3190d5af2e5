// Branch ENIs of security groups for pods: which pods have one, and what the controller's annotation says of it
// (datapath.md 9.1, ipamd.md 3.3 step 2).

import { cidrOf, type Ipv4, parseCidr, parseIpv4 } from "../base/ipv4.ts";
import type { Kube, KubePod } from "../ports/kube.ts";
import { messageOf } from "./engine-host.ts";

const POD_ENI = "vpc.amazonaws.com/pod-eni";
/** IEEE 802.1Q: 4095 is reserved. */
const VLAN_ID_MAX = 4094;
const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

export interface BranchEni {
  readonly address: Ipv4;
  /** Lower case. */
  readonly mac: string;
  readonly vlanId: number;
  readonly gateway: Ipv4;
}

export type BranchAnswer =
  /** An ordinary pod. */
  | { readonly kind: "none" }
  | { readonly kind: "branch"; readonly branch: BranchEni }
  /** It has a branch ENI, or nobody can tell, and it cannot be used now. */
  | { readonly kind: "not-ready"; readonly message: string };

/** What a DEL finds out about the pod. */
export type BranchDelAnswer =
  | { readonly kind: "none" }
  | { readonly kind: "branch"; readonly branch: BranchEni }
  | { readonly kind: "pod-gone" }
  | { readonly kind: "error"; readonly message: string };

export interface BranchEnisOptions {
  /** ENABLE_POD_ENI. */
  readonly isOn: boolean;
  readonly kube: Kube | undefined;
  readonly hasTrunk: () => boolean;
}

export class BranchEnis {
  readonly #options: BranchEnisOptions;

  constructor(options: BranchEnisOptions) {
    this.#options = options;
  }

  async forAdd(namespace: string, podName: string): Promise<BranchAnswer> {
    if (!this.#options.isOn) return { kind: "none" };
    const notReady = (message: string): BranchAnswer => ({ kind: "not-ready", message });
    const name = `${namespace}/${podName}`;
    const pod = await this.#readPod(namespace, podName);
    if (typeof pod === "string") return notReady(`pod ${name} cannot be read: ${pod}`);
    if (pod === undefined) return notReady(`pod ${name} is not known`);
    if (!pod.firstContainerLimits.some((limit) => limit.startsWith(POD_ENI))) return { kind: "none" };
    if (!this.#options.hasTrunk()) return notReady(`pod ${name} wants a branch ENI, and no trunk ENI is attached`);
    const branch = branchOf(pod);
    if (branch === undefined) return notReady(`annotation ${POD_ENI} of pod ${name} is not there yet`);
    return { kind: "branch", branch };
  }

  /** `uid` empty: any pod of this name. */
  async forDel(namespace: string, podName: string, uid: string): Promise<BranchDelAnswer> {
    if (!this.#options.isOn) return { kind: "none" };
    const pod = await this.#readPod(namespace, podName);
    if (typeof pod === "string") return { kind: "error", message: pod };
    if (pod === undefined) return { kind: "pod-gone" };
    if (uid !== "" && pod.uid !== uid) {
      return { kind: "error", message: `pod UID mismatch: got ${pod.uid}, expected ${uid}` };
    }
    const branch = branchOf(pod);
    return branch === undefined ? { kind: "none" } : { kind: "branch", branch };
  }

  async #readPod(namespace: string, name: string): Promise<KubePod | string | undefined> {
    try {
      return await this.#options.kube?.pod(namespace, name);
    } catch (error) {
      return messageOf(error);
    }
  }
}

/** The first branch ENI of the pod's annotation; undefined when it is missing or incomplete. */
function branchOf(pod: KubePod): BranchEni | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(pod.annotations[POD_ENI] ?? "");
  } catch {
    return undefined;
  }
  const first: unknown = Array.isArray(parsed) ? parsed[0] : undefined;
  if (typeof first !== "object" || first === null) return undefined;
  const fields = first as Readonly<Record<string, unknown>>;
  const { privateIp, ifAddress, subnetCidr } = fields;
  // The controller writes `vlanId`; the reference declares `vlanID` and reads either, because Go's decoder ignores case.
  const vlanId = fields["vlanId"] ?? fields["vlanID"];
  if (typeof privateIp !== "string" || typeof ifAddress !== "string" || typeof vlanId !== "number") return undefined;
  const address = parseIpv4(privateIp);
  const mac = ifAddress.toLowerCase();
  const subnet = typeof subnetCidr === "string" ? parseCidr(subnetCidr) : undefined;
  if (address === undefined || subnet === undefined || !MAC.test(mac)) return undefined;
  if (!Number.isInteger(vlanId) || vlanId <= 0 || vlanId > VLAN_ID_MAX) return undefined;
  return { address, mac, vlanId, gateway: cidrOf(subnet.base, subnet.prefixLength).base + 1 };
}
