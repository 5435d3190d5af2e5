// A conflist of a CNI version that there is none of.

import { isAwsConflist, isNodePlugin } from "../aws-conflist.ts";
import { defineRule } from "../rule.ts";

/** Every version of the CNI specification: what the reference's plugin of v1.23.1 answers to VERSION. */
const CNI_VERSIONS: readonly string[] = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

export const rule = defineRule({
  code: "PD1161",
  name: "conflist-cni-version-unknown",
  severity: "error",
  needs: ["conflists"],
  leadsTo: [],
  docs: {
    what: "cniVersion of the conflist of the network aws-cni is no version of the CNI specification, and cniVersions names none either.",
    why: "The runtime hands the version on to every plugin of the list. A plugin answers only in versions that it knows: ADD fails with code 1, incompatible CNI version, where the runtime has not already refused the file and left the node without a network.",
    next: "Let aws-node or `slash28 install` write the file again, or set cniVersion to 0.4.0 or 1.0.0.",
    source: "amazon-vpc-cni-k8s v1.23.1, the answer to VERSION; containernetworking/cni, SPEC.md, error codes",
  },
  check({ conflists }, report) {
    for (const list of conflists) {
      const { cniVersion, cniVersions } = list;
      if (cniVersion === undefined || [cniVersion.value, ...cniVersions].some((one) => CNI_VERSIONS.includes(one)))
        continue;
      if (!isAwsConflist(list) && !list.plugins.some(isNodePlugin)) continue;
      const { value, at } = cniVersion;
      report({ at, message: `cniVersion is "${value}", which no plugin speaks: every ADD fails.` });
    }
  },
});
