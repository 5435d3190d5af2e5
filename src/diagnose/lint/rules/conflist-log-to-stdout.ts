// The log of a plugin in the conflist on standard output, where its result goes.

import { isNodePlugin } from "../aws-conflist.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1158",
  name: "conflist-log-to-stdout",
  severity: "error",
  needs: ["conflists"],
  leadsTo: [],
  docs: {
    what: "pluginLogFile of the plugin aws-cni or egress-cni in the conflist is stdout.",
    why: "A CNI plugin prints its result on standard output: with log lines before it the runtime cannot read it, and every ADD fails. The reference's logger takes the word in any case, its entrypoint refuses it in lower case only. slash28's plugin refuses the configuration.",
    next: "Name a file (the default is /var/log/aws-routed-eni/plugin.log) or stderr.",
    source: "amazon-vpc-cni-k8s v1.23.1, cmd/aws-vpc-cni/main.go and pkg/utils/logger",
  },
  check({ conflists }, report) {
    for (const { plugins } of conflists) {
      for (const plugin of plugins) {
        const { type, logFile } = plugin;
        if (!isNodePlugin(plugin) && type?.value !== "egress-cni") continue;
        if (logFile?.value.toLowerCase() !== "stdout") continue;
        const message = `pluginLogFile of ${type?.value} is ${logFile.value}: log and result mix, and every ADD fails.`;
        report({ at: logFile.at, message });
      }
    }
  },
});
