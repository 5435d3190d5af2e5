// Branch pods of this node: their addresses are in no pool and in no checkpoint. Those that this process wired are known from
// their ADDs, earlier ones from what the host tells of them, completed by the pods' annotations.

import type { Ipv4 } from "../base/ipv4.ts";
import type { BranchWiring, FoundBranch, HostBranch, PodRemoval } from "../datapath/types.ts";
import type { Datapath } from "../ports/datapath.ts";
import { type AttachmentKey, keyText } from "./attachments.ts";
import type { BranchEnis } from "./branch-enis.ts";
import { messageOf } from "./engine-host.ts";

export interface BranchPod {
  readonly attachment: AttachmentKey;
  /** Empty with `podName`: not known. */
  readonly namespace: string;
  readonly podName: string;
  /** 0: not known. */
  readonly address: Ipv4;
  readonly hostInterface: string;
  readonly vlanId: number;
  /** undefined: not all of it is known. */
  readonly branch: BranchWiring | undefined;
  /** What the host told of a pod that was wired before this process; undefined: wired by it. */
  readonly found?: FoundBranch;
}

export interface Sources {
  readonly datapath: Pick<Datapath, "branchPods">;
  readonly branchEnis: Pick<BranchEnis, "forDel">;
  readonly trunkMac: () => string | undefined;
}

export class BranchBooks {
  readonly #pods = new Map<string, BranchPod>();
  #isHostRead = false;

  /** Wired by this process. */
  note(pod: BranchPod & { readonly branch: BranchWiring }): void {
    this.#pods.set(keyText(pod.attachment), pod);
  }

  get(key: AttachmentKey): BranchPod | undefined {
    return this.#pods.get(keyText(key));
  }

  has(key: AttachmentKey): boolean {
    return this.#pods.has(keyText(key));
  }

  /** False when it was not there. */
  delete(key: AttachmentKey): boolean {
    return this.#pods.delete(keyText(key));
  }

  /** Those that are none of `except`, or all. */
  *pods(except?: AttachmentKey): Iterable<BranchPod> {
    const text = except && keyText(except);
    for (const [key, pod] of this.#pods) if (key !== text) yield pod;
  }

  isVlanOfOther(key: AttachmentKey, vlanId: number): boolean {
    return [...this.pods(key)].some((other) => other.vlanId === vlanId);
  }

  /** Of those that are known wholly. */
  living(): HostBranch[] {
    return [...this.#pods.values()].flatMap(({ attachment, address, hostInterface, branch }) =>
      branch === undefined || address === 0 ? [] : [{ attachment, address, hostInterface, branch }],
    );
  }

  /** What a DEL of the pod removes; undefined: it is not in the books. */
  removalOf(key: AttachmentKey): PodRemoval | undefined {
    const pod = this.get(key);
    if (pod === undefined) return undefined;
    const { attachment, address, hostInterface, vlanId } = pod;
    const removal = { attachment, address, hostInterface, vlanId };
    // Another sandbox may have got the branch ENI since, this pod's DEL being late.
    const isShared = [...this.pods(key)].some((other) => other.vlanId === vlanId || other.address === address);
    return pod.found !== undefined || isShared ? { ...removal, mayBeTaken: true } : removal;
  }

  // -------------------------------------------------------------- what an earlier process wired

  /** What the host tells, once, and then what annotations tell. Never rejects: resolves with what was in the way, one line each. */
  async recall(sources: Sources, isBusy: (key: AttachmentKey) => boolean): Promise<readonly string[]> {
    try {
      if (!this.#isHostRead) this.#isHostRead = this.#take(await sources.datapath.branchPods(), isBusy);
      await this.#complete(sources);
      return [];
    } catch (error) {
      return [`branch pods that were wired before the agent's start are not known: ${messageOf(error)}`];
    }
  }

  /** What the books know already, and what is `isBusy`, stays as it is. True when nothing was left out for being busy. */
  #take(found: readonly FoundBranch[], isBusy: (key: AttachmentKey) => boolean): boolean {
    let isAll = true;
    for (const one of found) {
      const { networkName, containerId, ifName } = one.attachment;
      const attachment = { networkName, containerId, ifName };
      if (this.has(attachment)) continue;
      if (isBusy(attachment)) isAll = false;
      else this.#pods.set(keyText(attachment), recalled({ ...one, attachment }));
    }
    return isAll;
  }

  /** Asks the annotations for what the host did not tell. One that is not of the pod's own branch ENI tells nothing. */
  async #complete({ branchEnis, trunkMac }: Sources): Promise<void> {
    for (const [key, pod] of [...this.#pods]) {
      const { found, namespace, podName } = pod;
      if (found === undefined || (pod.branch !== undefined && pod.address !== 0) || podName === "") continue;
      const answer = await branchEnis.forDel(namespace, podName, "");
      if (answer.kind !== "branch" || this.#pods.get(key) !== pod) continue;
      const { address, gateway, mac, vlanId } = answer.branch;
      const isSame = vlanId === found.vlanId && mac === (found.mac ?? mac) && address === (found.address ?? address);
      if (!isSame) continue;
      const whole = {
        ...found,
        address,
        mac,
        gateway: found.gateway ?? gateway,
        trunkMac: found.trunkMac ?? trunkMac(),
      };
      this.#pods.set(key, recalled(whole));
    }
  }
}

function recalled(found: FoundBranch): BranchPod {
  const { attachment, namespace, podName, hostInterface, vlanId, address, gateway, mac, mode, trunkMac } = found;
  const isWhole = gateway !== undefined && mac !== undefined && trunkMac !== undefined;
  const branch = isWhole ? { vlanId, mac, gateway, trunkMac, mode } : undefined;
  return { attachment, namespace, podName, address: address ?? 0, hostInterface, vlanId, branch, found };
}
