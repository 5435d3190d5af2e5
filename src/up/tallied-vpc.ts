// The emulated VPC with a tally of its calls.

import type { Ms } from "../base/units.ts";
import type { ActRequest, ActResult } from "../emulator/model/types.ts";
import { Vpc, type VpcOptions } from "../emulator/model/vpc.ts";
import type { Ec2Tally } from "./ec2-tally.ts";

export class TalliedVpc extends Vpc {
  readonly #tally: Ec2Tally;

  constructor(options: VpcOptions, tally: Ec2Tally) {
    super(options);
    this.#tally = tally;
  }

  override act(request: ActRequest, nowMs: Ms): ActResult {
    const result = super.act(request, nowMs);
    this.#tally.record(request, result, nowMs);
    return result;
  }
}
