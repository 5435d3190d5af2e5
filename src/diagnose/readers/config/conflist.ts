// CNI network configurations as they lie in /etc/cni/net.d: lists (*.conflist) and single ones (*.conf), the reference's, ours and
// other networks'. Values that the reference's template fills in later (`__MTU__`) tell nothing and are left out.

import type { ConflistFact, ConflistPlugin, Located, NodeKey } from "../../facts/model.ts";
import type { Placed } from "../placed.ts";
import type { FileReader } from "../reader.ts";
import { partOfFile } from "./documents.ts";

const KIND = "CNI network configuration";
const PLACEHOLDER = /^__[A-Z]+__$/;

export const conflistReader: FileReader = {
  kind: KIND,
  // By its name even where it is cut short, so that the place is told. What runtimes keep of an ADD (`cniCacheV1`) quotes a configuration; results and errors of plugins have a version and no type.
  recognises: ({ head, path }) =>
    /^[\uFEFF\s]*\{/.test(head) &&
    (path.endsWith(".conflist") ||
      (/"cniVersions?"\s*:/.test(head) && /"type"\s*:\s*"|"plugins"\s*:\s*\[/.test(head))) &&
    !/"kind"\s*:\s*"cniCacheV/.test(head),
  read: (file) => partOfFile(file, KIND, (list) => (list.isMap ? { conflists: [conflistFact(list, file.node)] } : {})),
};

function conflistFact(list: Placed, node: NodeKey | undefined): ConflistFact {
  const plugins = list.get("plugins");
  const entries = plugins.isThere ? plugins.items() : [list];
  return {
    name: list.get("name").text ?? "",
    node,
    cniVersion: told(list.get("cniVersion")),
    cniVersions: list.get("cniVersions").locatedTexts.map((one) => one.value),
    installedBy: list.get("installedBy").text,
    isCheckDisabled: list.get("disableCheck").isTrue,
    plugins: entries.filter((entry) => entry.isMap).map(pluginOf),
    at: list.at,
  };
}

function pluginOf(entry: Placed): ConflistPlugin {
  const mtu = entry.get("mtu");
  return {
    type: told(entry.get("type")),
    vethPrefix: told(entry.get("vethPrefix")),
    mtu: typeof mtu.value === "number" ? mtu.located(mtu.value) : told(mtu),
    enforcingMode: told(entry.get("podSGEnforcingMode")),
    logFile: told(entry.get("pluginLogFile")),
    socketPath: told(entry.get("socketPath")),
    hostNetns: told(entry.get("hostNetns")),
    at: entry.at,
  };
}

function told(value: Placed): Located<string> | undefined {
  const text = value.locatedText;
  return text === undefined || PLACEHOLDER.test(text.value) ? undefined : text;
}
