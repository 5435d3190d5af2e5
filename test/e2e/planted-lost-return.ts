// An agent with a planted bug: the prefixes it gives back leave its pool and never reach EC2. The kill test has to find that
// the two disagree, although each reconcile sets it right for a moment.

import type { Ec2 } from "../../src/ports/ec2.ts";
import { startPlanted } from "./planted-start.ts";

function withoutReturns(ec2: Ec2): Ec2 {
  return {
    ...ec2,
    async call(intention, options) {
      if (intention.action === "UnassignPrivateIpAddresses") return { kind: "done", answer: {} };
      return ec2.call(intention, options);
    },
  };
}

void startPlanted({ ec2: withoutReturns });
