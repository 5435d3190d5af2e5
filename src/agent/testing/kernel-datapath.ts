// A datapath that carries everything out on a kernel of plain maps, which outlives an agent as a node's kernel does.

import { datapathService, type Operations } from "../../datapath/service.ts";
import type { FakeKernel } from "../../datapath/testing/fake-kernel.ts";
import type { EniWiring, PodRemoval, PodWiring } from "../../datapath/types.ts";
import { ScriptedDatapath } from "./scripted-datapath.ts";

export class KernelDatapath extends ScriptedDatapath {
  readonly #operations: Operations;

  constructor(kernel: FakeKernel) {
    super();
    this.kernel = kernel;
    this.#operations = datapathService(kernel, () => 0).operations;
  }

  override async wirePod(pod: PodWiring) {
    this.wired.push(pod);
    return this.#operations.wirePod(pod);
  }

  override async unwirePod(pod: PodRemoval) {
    this.removed.push(pod);
    return this.#operations.unwirePod(pod);
  }

  override async checkPod(pod: PodWiring) {
    return this.#operations.checkPod(pod);
  }

  override async setUpEni(eni: EniWiring) {
    this.#operations.setUpEni(eni);
  }

  override async linkIndexOf(mac: string) {
    return this.#operations.linkIndexOf(mac);
  }

  override async linkNameOf(mac: string) {
    return this.#operations.linkNameOf(mac);
  }

  override async linkNames() {
    return this.#operations.linkNames();
  }
}
