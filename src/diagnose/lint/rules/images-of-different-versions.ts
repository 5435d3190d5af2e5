// aws-node and its init container from different versions.

import { parseVersion } from "../../facts/settings.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1135",
  name: "images-of-different-versions",
  severity: "warning",
  needs: ["daemonSets"],
  leadsTo: ["version-skew"],
  docs: {
    what: "The DaemonSet's aws-node and init images have different versions.",
    why: "The init container prepares the node for the agent beside it; plugin and agent of different versions refuse each other.",
    next: "Give both images one tag; apply the manifest of one release as a whole.",
    source: "amazon-vpc-cni-k8s v1.23.1, config/master/aws-k8s-cni.yaml",
  },
  check({ daemonSets }, report) {
    for (const daemonSet of daemonSets) {
      const versioned = daemonSet.containers.flatMap((container) => {
        const isCni = /amazon-k8s-cni(?:-init)?[:@]/.test(container.image.value);
        const tag = container.image.value.split(":").at(-1) ?? "";
        return isCni && parseVersion(tag) !== undefined ? [{ container, tag }] : [];
      });
      const init = versioned.find((one) => one.container.isInit);
      const main = versioned.find((one) => !one.container.isInit);
      if (init === undefined || main === undefined) continue;
      if (parseVersion(init.tag)?.join(".") === parseVersion(main.tag)?.join(".")) continue;
      report({
        at: init.container.image.at,
        message: `${daemonSet.namespace}/${daemonSet.name}: the init image is ${init.tag}, aws-node is ${main.tag}.`,
        evidence: [{ source: main.container.image.at, text: main.container.image.value }],
      });
    }
  },
});
