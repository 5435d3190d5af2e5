// Texts that kubelet, a runtime or the reference's plugin prints, and what each says: those that name no failure class by
// themselves. `slash28 explain` shows their pages.

/** Name of a part and its text. */
export type PagePart = readonly [string, string];

export interface TextPage {
  /** Wherever in a text it stands. */
  readonly pattern: RegExp;
  /** The text says nothing more, whatever stands around it: no class is looked for. */
  readonly isSure: boolean;
  readonly title: string;
  readonly parts: readonly PagePart[];
}

const LOG = "the last lines of /var/log/aws-routed-eni/ipamd.log";

export const TEXT_PAGES: readonly TextPage[] = [
  {
    // kubelet and the runtime before any plugin was asked: there is no network to ask.
    pattern:
      /cni plugin not initialized|network plugin (?:is )?not (?:ready|initialized)|cni config uninitialized|no networks? found in \S*net\.d|no network config found in|NetworkPluginNotReady/i,
    isSure: false,
    title: "NetworkPluginNotReady: the runtime has no network",
    parts: [
      [
        "What",
        "The runtime finds no network configuration (conflist) in /etc/cni/net.d that it can read, so the node is NotReady and no pod starts.",
      ],
      [
        "Why",
        "The conflist is placed only once the node's agent serves, by aws-node as by `slash28 install`; mostly the agent has not come up on that node. `slash28 install --watch` also withdraws it after 60 s without the agent. Seconds of it are normal on a new node.",
      ],
      [
        "Next",
        `On the node: \`ls -l /etc/cni/net.d\`, and ${LOG}, which name the step that does not finish. The file is there and the text stays: check it with \`slash28 lint /etc/cni/net.d\`, and that each type it names is in /opt/cni/bin.`,
      ],
      [
        "Can be a sign of",
        "ipamd-not-running, api-server-unreachable-at-start, iam-permission-missing-at-startup, imds-unreachable, env-validation-failed",
      ],
    ],
  },
  {
    pattern: /failed to find plugin \\?"[\w.-]+\\?" in path/i,
    isSure: true,
    title: "failed to find plugin: an executable that the conflist names is missing",
    parts: [
      [
        "What",
        "The runtime read the conflist, and the folder of plugins (`in path`) has no executable of that name: no pod starts or goes on this node.",
      ],
      [
        "Why",
        "aws-cni is placed there when the aws-node container starts, or by `slash28 install`; loopback, portmap, bandwidth and tuning by the init container aws-vpc-cni-init, or by the node's image. So that container has not run on this node, something emptied the folder, it was placed in another folder than the runtime's, or the conflist is left over from another network.",
      ],
      [
        "Next",
        "On the node: `ls -l /opt/cni/bin`, and compare the path in the text with HOST_CNI_BIN_PATH or `slash28 install --bin-dir`. aws-cni is missing: restart the aws-node pod of that node, or run `slash28 install`. Another one: `kubectl -n kube-system logs POD -c aws-vpc-cni-init`. The runtime tries again by itself.",
      ],
    ],
  },
  {
    pattern: /timeout: failed to connect service \\*":50051|failed to connect service .{0,60}(?:50051|ipamd\.sock)/i,
    isSure: false,
    title: "failed to connect service: the health probe got no answer from the agent",
    parts: [
      [
        "What",
        "grpc-health-probe, as kubelet's probe or in aws-node's own start, found no agent that answers on its port (:50051; from v1.23.0 on its socket) within its limit.",
      ],
      [
        "Why",
        "Either the agent has not come up: it waits for the API server, IAM, instance metadata or EC2. Or it is up and too slow: the node is short of CPU, or the probe's limit is too small, and kubelet kills it again and again (exit 137).",
      ],
      [
        "Next",
        `Read ${LOG}: where a line about a step that does not finish is the last one, that step is the cause; where the log breaks off without an error and starts again, it was killed. Events and restarts: \`kubectl -n kube-system describe pod POD\`; give what comes to \`slash28 doctor\`.`,
      ],
      ["Can be a sign of", "ipamd-not-running, ipamd-killed-by-probe, iam-permission-missing-at-startup"],
    ],
  },
  {
    pattern: /Error received from DelNetwork gRPC call/i,
    isSure: false,
    title: "Error received from DelNetwork gRPC call: the agent was not reached at a DEL",
    parts: [
      [
        "What",
        "amazon-vpc-cni-k8s's plugin asked the agent to release a pod's address and got an error. It then removes rules and routes by the result that the runtime kept, and the DEL succeeds: the pod is not held up.",
      ],
      [
        "Why",
        "The agent was away or restarting (Unavailable), or plugin and agent are of different releases (FailedPrecondition, wrong client version). The agent releases the address of a pod that is gone at its next start.",
      ],
      [
        "Next",
        "Nothing for a few of them while aws-node was rolled. If they go on: is the aws-node pod of that node ready? Then compare the plugin's version with the agent's, in the first lines of plugin.log and ipamd.log.",
      ],
      ["Can be a sign of", "ipamd-not-running, version-skew"],
    ],
  },
  {
    pattern: /Error received from AddNetwork gRPC call/i,
    isSure: false,
    title: "Error received from AddNetwork gRPC call: the agent was not reached at an ADD",
    parts: [
      ["What", "amazon-vpc-cni-k8s's plugin asked the agent for an address and got an error in place of an answer."],
      [
        "Why",
        "What stands behind the text says it: `connection refused` or `no such file or directory`, the agent is away; `wrong client version`, plugin and agent are of different releases; `Unimplemented` or `Canceled`, another program answers, or the agent went away midway.",
      ],
      [
        "Next",
        `Is the aws-node pod of that node ready? Then ${LOG}. Ask \`slash28 explain\` again with the whole text.`,
      ],
      ["Can be a sign of", "ipamd-not-running, version-skew"],
    ],
  },
  {
    pattern: /failed to collect garbage/i,
    isSure: false,
    title: "failed to collect garbage: a GC left something",
    parts: [
      [
        "What",
        "The runtime named the pods that are in use, and the plugin could not have everything else of its network taken away. Pods that run are not touched by it.",
      ],
      [
        "Why",
        "What stands behind the text says it: leftovers, which the kernel did not let go (code 121); a list that is missing or malformed, so nothing was removed (code 7); or no agent that answers (code 11).",
      ],
      ["Next", "Ask `slash28 explain` again with the whole text, or with its code. The next GC tries again by itself."],
    ],
  },
  {
    pattern: /failed to check network/i,
    isSure: false,
    title: "failed to check network: a CHECK did not go well",
    parts: [
      [
        "What",
        "The runtime asked whether a pod's network is as its ADD left it, and the answer was not yes. Nothing was changed.",
      ],
      [
        "Why",
        "What stands behind the text says it: differences, listed in the details (code 120); a prevResult that is missing or not understood, so nothing was compared (code 7); or no agent that answers (code 11).",
      ],
      ["Next", "Ask `slash28 explain` again with the whole text, or with its code."],
    ],
  },
  {
    pattern: /no link has the MAC [0-9a-f:]{17}(?! of the trunk)/i,
    isSure: true,
    title: "no link has the MAC: an ENI of the node has no link",
    parts: [
      [
        "What",
        "Instance metadata lists an ENI, and no link of the node has its MAC: its address, route table and rules cannot be set up, and pods with an address of it would have no way out by it.",
      ],
      [
        "Why",
        "The ENI has just been attached and its driver is not done; or it was detached, a network manager renamed it with another MAC or moved it to a namespace, or SLASH28_HOST_NETNS names a namespace that is not the node's.",
      ],
      [
        "Next",
        "Seconds of it after an ENI was attached are normal: the agent looks again by itself. If it stays, compare `ip -br link` with `curl -s http://169.254.169.254/latest/meta-data/network/interfaces/macs/` on the node, and look for a network manager that touches secondary ENIs; STATUS gives code 51 for as long.",
      ],
      ["Can be a sign of", "eni-network-setup-failed, imds-stale-phantom-eni"],
    ],
  },
];

export function textPage(text: string): TextPage | undefined {
  return TEXT_PAGES.find((page) => page.pattern.test(text));
}
