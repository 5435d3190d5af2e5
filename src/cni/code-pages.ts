// The page of each CNI code, and which code a text is about: runtimes and kubelet show the plugin's `msg` and `details`, not its code.

import { type ProblemPage, parsePodProblem, problemPages } from "../datapath/problem-pages.ts";
import { type CniCode, CODES } from "./codes.ts";

const LOG = "/var/log/aws-routed-eni/plugin.log";

/** Of problems with a code of their own: their page. */
export const codePages: { readonly [C in CniCode]: ProblemPage } = {
  1: {
    what: "The network configuration's cniVersion is not spoken, or does not have the command.",
    why: "CHECK exists since CNI 0.4.0, STATUS and GC since 1.1.0; the details list the versions that the plugin speaks.",
    next: "Set cniVersion of the conflist to 0.4.0, 1.0.0 or 1.1.0, or let `slash28 install` write it.",
  },
  4: {
    what: "A variable that the runtime passes is missing or malformed.",
    why: "CNI_CONTAINERID, CNI_IFNAME, CNI_NETNS or CNI_ARGS is not as the CNI specification has it: a script in place of a runtime, mostly.",
    next: "The message names the variable. Compare with the CNI specification, or take the runtime's own client.",
  },
  5: {
    what: "The network configuration could not be read from standard input, or the result could not be written to standard output.",
    why: "The message says which. More than 1048576 bytes (1 MiB) came, where a configuration with its prevResult has a few thousand; or the runtime closed its end, because it gave up or was restarted midway. Nothing of an ADD stays.",
    next: "Too large: look at the files in /etc/cni/net.d and at the runtime's cached results (/var/lib/cni) for one of that size, and at what the plugins before this one add to prevResult; move it away. Closed: look at the runtime's log around the failure; the next attempt starts afresh.",
  },
  6: {
    what: "Standard input is no JSON object.",
    why: "The conflist was cut short or edited by hand.",
    next: "Check /etc/cni/net.d/10-aws.conflist with `jq .`, or let `slash28 install` write it again.",
  },
  7: {
    what: "The configuration cannot be.",
    why: "A key of the conflist has an impossible value, CHECK came without prevResult, GC without its list, or the pod asks for what is not served (several network cards).",
    next: "The message names the key. Correct the conflist, or the pod's annotation.",
  },
  11: {
    what: "Try again later: nothing is wrong with the pod.",
    why: "The agent is away, starting, stopping or slow, or capacity is on its way (pool-growing, cooling, throttled, ...). Kubelet tries again by itself after some seconds.",
    next: "If it stays longer than a minute: is the aws-node pod of that node ready? Then the last lines of /var/log/aws-routed-eni/ipamd.log, and `slash28 explain` with the reason behind the text.",
  },
  50: {
    what: "STATUS: the node takes no new pods, those that run are well.",
    why: "No agent answers, or it is starting or stopping, or its kernel has not answered it for seconds. The runtime reports the node NotReady (NetworkPluginNotReady) for as long.",
    next: "Seconds of it are normal while aws-node is rolled. If it stays, read the state of the aws-node pod on that node, and the last lines of ipamd.log.",
  },
  51: {
    what: "STATUS: the node takes no new pods, and those that run may have lost connections too.",
    why: "The agent runs, but the node's own rules, an ENI's link or SNAT cannot be put right; the message says which. Mostly another program rewrites rules or iptables, or the iptables backend differs.",
    next: "Grep ipamd.log for `Network verification`; compare `ip rule` and `iptables -t nat -S` with docs/datapath.md; stop what rewrites them. The agent verifies again by itself and the state ends without a restart.",
  },
  100: {
    what: "There is no address for the pod until somebody acts.",
    why: "The reason behind the text says why: the subnet, a limit of the instance, the settings, or permissions.",
    next: "Ask `slash28 explain` for that reason, and `slash28 doctor` with logs for the cause.",
  },
  110: problemPages["namespace-gone"],
  111: problemPages["interface-exists"],
  112: problemPages["name-taken"],
  113: problemPages["kernel-refused"],
  114: problemPages["trunk-missing"],
  115: problemPages["network-policy"],
  120: {
    what: "CHECK found that the pod's network is not as ADD left it.",
    why: "Somebody removed or changed a link, an address, a route, a neighbour entry or a rule; the details list the differences.",
    next: "Delete the pod, so that it is wired anew. If it comes again, find what changes them: a network manager, a second CNI, a clean-up script.",
  },
  121: {
    what: "GC released what it could, and something could not be removed.",
    why: "The kernel refused; the details name each rule, route or link.",
    next: "The next GC, or the agent's next verification, tries again. If it stays, remove by hand what the details name, and look for the program that holds it.",
  },
  122: {
    what: "The agent's answer makes no sense to the plugin.",
    why: "Plugin and agent are not of one release, or another program listens on the socket.",
    next: "Compare what `/opt/cni/bin/aws-cni`, run without arguments, says of itself with the version in ipamd.log's first line; `slash28 install` on the node makes them one again.",
  },
  999: {
    what: "The plugin itself failed.",
    why: "An error that nobody foresaw.",
    next: `Please report it with the lines of ${LOG} around it.`,
  },
};

/** A code as somebody writes it: `112`, `code 112`, `CNI code 112`, `"code": 112`. */
export function parseCniCode(text: string): CniCode | undefined {
  const number = Number(/^"?(?:cni )?(?:error )?(?:code"?[ :=]*)?(\d{1,3}),?$/i.exec(text.trim())?.[1] ?? "-1");
  return Object.values(CODES).find((code) => code === number);
}

/** Texts of which the code is certain, without the agent's reason. */
const OPENINGS: readonly (readonly [RegExp, CniCode])[] = [
  [/the agent's answer makes no sense/, CODES.senselessAnswer],
  [/\bthe network is not available: network-setup-failed(?! \()/, CODES.notAvailableAndDegraded],
  [/\bthe network is not available: [a-z]/, CODES.notAvailable],
  [/gc cmd: failed to collect garbage: \d+ leftovers/, CODES.leftovers],
  [/check cmd: failed to check network: (?:network-setup-failed|invalid-request)/, CODES.checkFailed],
  [
    /no agent at \/|the agent gave no answer within|the agent closed the connection|the connection to the agent broke/,
    CODES.tryAgainLater,
  ],
  [/config version does not allow [A-Z]+|incompatible CNI versions/, CODES.incompatibleVersion],
  [
    /unknown CNI_COMMAND|required env variables \[[^\]]*\] missing|\binvalid (?:characters in )?CNI_[A-Z]+|failed to load k8s config from args?: /,
    CODES.invalidEnvironment,
  ],
  [/error reading from stdin|error writing the result/, CODES.ioFailure],
  [/error reading network configuration/, CODES.decodingFailure],
  [
    /cmd: error loading config from args|failed to check network: prevResult|failed to collect garbage: cni\.dev\/valid-attachments/,
    CODES.invalidConfig,
  ],
  [/plugin failed: /, CODES.unexpected],
];

export interface PluginError {
  readonly code: CniCode | undefined;
  /** The agent's word behind the plugin's text, as it stands there. */
  readonly reason: string | undefined;
  readonly problem: string | undefined;
}

const REFUSAL =
  /(?:failed to assign an IP address to container(?: [0-9a-z-]+)?|failed to setup network policy|failed to setup network|SetupPodNetwork for container [\w-]+|failed to process delete request|failed to check network|failed to collect garbage|the network is not available|Refused ADD for sandbox [^\s:]+): (?<reason>[a-z][a-z0-9-]+)(?: \((?<problem>[a-z-]+)\))?(?=$|[\s:;.,"\\)])/i;

/** The reason with its problem, also copied without the words before it. */
const BARE = /(?:^|[\s"'`])network-setup-failed \((?<problem>[a-z-]+)\)/;

/** A cause alone: of a node's ENI it stands behind other words. */
const KERNEL = /^["'`\s]*the kernel refused [a-z]/;

/** What an error of the plugin says, wherever in a text it stands; undefined when there is none of ours. */
export function readPluginError(text: string): PluginError | undefined {
  const code = OPENINGS.find(([pattern]) => pattern.test(text))?.[1];
  const groups = refusalIn(text);
  const written = Number(/"code":\s*(\d{1,3})\b/.exec(text)?.[1] ?? "-1");
  const own = code ?? Object.values(CODES).find((one) => one === written);
  if (own === undefined && groups === undefined) return undefined;
  // STATUS speaks of the node: what a pod's wiring would come to is not its matter.
  const problem = code === CODES.notAvailable ? undefined : groups?.["problem"];
  return { code: own, reason: groups?.["reason"], problem };
}

/** A problem alone in the reason's place stands for `network-setup-failed` with it. */
function refusalIn(text: string): { readonly [name: string]: string | undefined } | undefined {
  const groups = REFUSAL.exec(text)?.groups;
  if (parsePodProblem(groups?.["reason"] ?? "") !== undefined)
    return { reason: "network-setup-failed", problem: groups?.["reason"] };
  if (groups !== undefined) return groups;
  const problem = KERNEL.test(text) ? "kernel-refused" : BARE.exec(text)?.groups?.["problem"];
  return problem === undefined ? undefined : { reason: "network-setup-failed", problem };
}
