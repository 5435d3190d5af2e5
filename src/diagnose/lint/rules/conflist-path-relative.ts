// A path of slash28's plugin in the conflist that does not start from /.

import { nodePlugins } from "../aws-conflist.ts";
import { defineRule } from "../rule.ts";

export const rule = defineRule({
  code: "PD1162",
  name: "conflist-path-relative",
  severity: "error",
  needs: ["conflists"],
  leadsTo: [],
  docs: {
    what: "socketPath or hostNetns of the plugin aws-cni in the conflist does not start from /.",
    why: "A runtime starts plugins in any folder, so such a path leads elsewhere each time. slash28's plugin, which alone has these keys, refuses the configuration with code 7: every ADD fails.",
    next: "Write the path from /, or leave the key out; socketPath has to be what SLASH28_SOCKET is for the agent.",
    source: "slash28, docs/cni.md",
  },
  check({ conflists }, report) {
    for (const { socketPath, hostNetns } of nodePlugins({ conflists })) {
      for (const [key, path] of Object.entries({ socketPath, hostNetns })) {
        if (path === undefined || path.value === "" || path.value.startsWith("/")) continue;
        report({ at: path.at, message: `${key} "${path.value}" does not start from /: every ADD fails with code 7.` });
      }
    }
  },
});
