// `--use-max-pods=false`, which bootstrap.sh does not parse.

import { titleOf } from "../node-capacity.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1071",
  name: "use-max-pods-with-equals",
  severity: "warning",
  needs: ["bootstraps"],
  leadsTo: ["max-pods-not-raised"],
  docs: {
    what: "An option of bootstrap.sh is written with an equals sign.",
    why: "The script takes the value as the next word; `--use-max-pods=false` is not read as meant, and the automatic max-pods stays.",
    next: "Write `--use-max-pods false`.",
    source: "amazon-eks-ami, AL2 bootstrap.sh",
  },
  check({ bootstraps }, report) {
    for (const bootstrap of bootstraps) {
      const { bootstrapArguments, osFamily } = bootstrap;
      if (bootstrapArguments === undefined || osFamily?.value === "al2023") continue;
      const match = /--(?:use-max-pods|kubelet-extra-args)=\S*/.exec(bootstrapArguments.value);
      if (match === null) continue;
      report({
        at: bootstrapArguments.at,
        message: `bootstrap.sh of ${titleOf(bootstrap)} does not read \`${match[0]}\`: its options take the value as the next word.`,
      });
    }
  },
});
