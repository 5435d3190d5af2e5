// The texts that mean something: one row per signal, all wordings since v1.0 that the sources name (failures.md 2 and 4).
// Readers match them; rules ask for them by id. EC2 errors are not rows: the reader parses them into `ec2Errors`.
//
// `starts`: the message begins so (fast path of the log reader). `contains`: anywhere in a line, event or page. An alternative
// that is a list needs all its parts. `captures`: named groups, read from the message once it matched.

export type Fragment = string | readonly string[];

export interface SignalRow {
  readonly starts?: readonly Fragment[];
  readonly contains?: readonly Fragment[];
  readonly captures?: RegExp;
}

const row = <const R extends SignalRow>(one: R): SignalRow => one;

/** The reason of a refusal as slash28's agent logs it, and as its plugin shows it behind the reference's text. */
const refusedFor = (reason: string): readonly Fragment[] => [
  ["Refused ADD for sandbox", `: ${reason}`],
  `failed to assign an IP address to container: ${reason}`,
];

export const SIGNALS = {
  // -- Events and sandbox errors --
  /** The one sentence for every refusal. Says that the agent refused, never why. */
  "add-refused": row({
    contains: ["failed to assign an IP address to container"],
    captures: /failed to assign an IP address to container: (?<reason>[a-z][a-z0-9-]+)/,
  }),
  "agent-connection-refused": row({
    contains: [
      ["127.0.0.1:50051", "connection refused"],
      ["ipamd.sock", "connection refused"],
      ["ipamd.sock", "no such file or directory"],
      ["slash28.sock", "connection refused"],
      ["slash28.sock", "no such file or directory"],
      ["[::1]:50051", "connection refused"],
    ],
  }),
  "client-version-mismatch": row({ contains: ["wrong client version", "the agent's answer makes no sense"] }),
  "pod-network-setup-failed": row({
    contains: ["add command: failed to setup network", 'add cmd: failed to setup network"', "Failed SetupPodNetwork"],
    // Our plugin logs the step, then its answer: one failure.
    captures: /network-setup-failed \((?<problem>[a-z-]+)\)|(?<step>Failed SetupPodNetwork)/,
  }),
  "pod-netns-gone": row({ contains: [["failed to Statfs", "/ns/net"]] }),
  "network-policy-setup-failed": row({
    contains: [
      "failed to setup network policy",
      "Failed to setup default network policy",
      ["The network policy of pod", "could not be set or removed"],
    ],
  }),
  "network-policy-link-not-found": row({ contains: ["Link not found"] }),
  "network-plugin-not-ready": row({
    contains: [
      ["NetworkPluginNotReady"],
      ["status cmd: the network is not available"],
      ["cni plugin not initialized"],
      ["cni config uninitialized"],
    ],
  }),
  "too-many-pods": row({ contains: ["Too many pods"] }),
  "insufficient-pod-eni": row({ contains: ["Insufficient vpc.amazonaws.com/pod-eni"] }),
  "insufficient-windows-address": row({ contains: ["Insufficient vpc.amazonaws.com/PrivateIPv4Address"] }),
  "windows-label-missing": row({ contains: ["pod does not have label vpc.amazonaws.com/PrivateIPv4Address"] }),
  "other-cni-plugin": row({
    contains: [
      'plugin type="cilium-cni"',
      'plugin type="calico"',
      'plugin type="multus"',
      'plugin type="flannel"',
      'plugin type="weave-net"',
      'plugin type="antrea"',
      "no IPs currently available on the node",
      "via local cilium agent",
    ],
    captures: /plugin type="(?<plugin>[a-z0-9-]+)"/,
  }),
  "missing-iam-event": row({
    contains: ["MissingIAMPermissions", "due to missing permissions"],
    captures: /(?:ec2:)(?<action>[A-Z]\w+)/,
  }),
  "trunk-creation-failed": row({ contains: ["TrunkENICreationFailed"] }),
  "branch-annotation-failed": row({
    contains: ["BranchENIAnnotationFailed", "failed to annotate pod with branch ENI details"],
  }),
  "node-webhook-denied": row({ contains: [["vnode.vpc.k8s.aws", "denied the request"]] }),
  "subnet-exclusion-check-failed": row({ contains: ["SubnetExclusionCheckFailed"] }),
  "cluster-needs-free-addresses": row({ contains: [["need at least 5 IPs in each subnet"]] }),
  "probe-failed": row({
    contains: [
      ["probe failed", "50051"],
      ["probe failed", "failed to connect service"],
      ["probe failed", "grpc-health-probe"],
      ["probe failed", "ipamd.sock"],
    ],
  }),
  "mass-combined": row({
    contains: ["(combined from similar events)"],
    captures: /\(x(?<count>\d+) over (?<over>[0-9a-z]+)\)/,
  }),

  // -- Agent: start --
  "agent-start": row({ starts: ["Starting L-IPAMD"], captures: /L-IPAMD\s+(?<version>v?\d[\w.+-]*)?/ }),
  "pool-manager-start": row({
    starts: ["IP pool manager - "],
    captures:
      /max pods: (?<maxPods>\d+), warm IP target: (?<warmIpTarget>-?\d+), warm prefix target: (?<warmPrefixTarget>-?\d+), warm ENI target: (?<warmEniTarget>-?\d+), minimum IP target: (?<minimumIpTarget>-?\d+)/,
  }),
  "setting-used": row({
    starts: ["Using WARM_", "Using MINIMUM_IP_TARGET", "Using MAX_ENI"],
    captures: /Using (?<name>[A-Z_]+) (?<value>-?\d+)/,
  }),
  "prefix-delegation-enabled": row({ starts: ["Prefix Delegation enabled"], captures: /enabled (?<value>true|false)/ }),
  "custom-networking-enabled": row({ starts: ["Custom networking enabled"], captures: /enabled (?<value>true|false)/ }),
  "subnet-discovery-enabled": row({ starts: ["Subnet discovery enabled"], captures: /enabled (?<value>true|false)/ }),
  "non-nitro-fallback": row({
    contains: [["refix delegation is not supported on non-nitro instance"], ["not supported on non-nitro instance"]],
    captures: /non-nitro instance (?<instanceType>[a-z0-9-]+\.[a-z0-9-]+)/,
  }),
  "per-eni-limits": row({
    starts: ["Max ip per ENI"],
    captures: /Max ip per ENI (?<addresses>\d+) and max prefixes per ENI (?<prefixes>\d+)/,
  }),
  "eni-addresses-found": row({
    starts: ["Found ENIs having"],
    captures: /having (?<addresses>\d+) secondary IPs and (?<prefixes>\d+) Prefixes/,
  }),
  "initialization-failure": row({
    contains: ["Initialization failure"],
    captures: /Initialization failure: (?<cause>.{1,200})/,
  }),
  "unknown-instance-type": row({
    contains: [
      "due to unknown instance type",
      "unknown instance type",
      "Failed to get ENI limits from file:vpc_ip_limits",
      "Unknown instance type",
    ],
    captures: /(?:type |for )(?<instanceType>[a-z][a-z0-9-]*\.[a-z0-9-]+)/,
  }),
  "api-server-unreachable": row({
    contains: [
      "Unable to reach API Server",
      "Failed to check API server connectivity",
      "Failed to communicate with K8S Server",
      "error communicating with apiserver",
    ],
  }),
  "api-server-tested": row({ starts: ["Testing communication with server"] }),
  "metadata-unreachable": row({
    contains: [
      "Failed to retrieve region data from instance metadata",
      "failed to retrieve region data",
      "EC2MetadataRequestError",
      "EC2MetadataError",
      ["169.254.169.254", "request canceled"],
      ["169.254.169.254", "connection refused"],
      ["169.254.169.254", "timeout"],
      ["169.254.169.254", "i/o timeout"],
      ["169.254.169.254", "deadline exceeded"],
      "Failed to retrieve interfaces data from instance metadata",
      "Failed to get attached ENI info",
      ["ec2imds", "operation error"],
      "The instance's metadata cannot be read",
      ...refusedFor("metadata-unavailable"),
    ],
  }),
  "primary-eni-found": row({ starts: ["Found ENI: "] }),
  "logger-constructed": row({ starts: ["Constructed new logger instance"] }),
  "host-network-failed": row({
    contains: ["failed to set up host network", "host network setup: failed", ["iptables", "Table does not exist"]],
  }),
  "irsa-failure": row({
    contains: [
      "sts:AssumeRoleWithWebIdentity",
      "WebIdentityErr",
      "InvalidIdentityToken",
      "No OpenIDConnect provider found",
    ],
  }),
  "request-send-failed": row({
    contains: [
      ["RequestError: send request failed"],
      ["dial tcp", "i/o timeout", "amazonaws.com"],
      ["amazonaws.com", "context deadline exceeded"],
      "RequestCanceled",
      ["lookup", "amazonaws.com", "no such host"],
    ],
  }),

  // -- Agent: validation --
  "all-targets-zero": row({ contains: ["Setting WARM_PREFIX_TARGET = 0 is not supported"] }),
  "env-refused": row({
    contains: [
      "AWS_VPC_K8S_PLUGIN_LOG_FILE cannot be set to stdout",
      "AWS_VPC_K8S_CNI_VETHPREFIX cannot be",
      "POD_SECURITY_GROUP_ENFORCING_MODE must be set to either",
      "IP_COOLDOWN_PERIOD MUST be a valid positive integer",
      "AWS_VPC_ENI_MTU cannot be less than",
      "AWS_VPC_ENI_MTU MUST be a valid",
      "POD_MTU cannot be",
      "IPv4 and IPv6 are both enabled",
      "IPv4 and IPv6 are both disabled",
      "IPv6 is supported only in Prefix Delegation mode",
      "invalid Network policy mode",
      "supported modes: none, strict, standard",
    ],
  }),
  "configuration-invalid": row({ contains: ["failed to validate configuration"] }),

  // -- Agent: the refusal and the pool --
  "no-address": row({
    starts: ["DataStore has no available IP"],
    contains: ["no available IP/Prefix addresses", "no available IP addresses"],
  }),
  "add-reply-refused": row({
    starts: [
      ["Send AddNetworkReply", "Success: false"],
      ["Send AddNetworkReply", "no available IP"],
    ],
  }),
  "cidr-full": row({
    starts: ["Get free IP from prefix failed no free IP available in the prefix"],
    contains: ["no free IP available in the prefix"],
    captures: /prefix - (?<cidr>[0-9.]+)\/(?<mask>[0-9a-f]{8})/,
  }),
  "pool-at-add": row({
    starts: ["AssignPodIPv4Address: IP address pool stats", "AssignIPv4Address: IP address pool stats"],
  }),
  "address-cooling": row({ contains: ["entering cooldown period"] }),
  "growth-start": row({
    starts: ["Starting to increase pool size", "Start increasing IP Pool size", "Start increasing IP pool size"],
  }),
  "growth-attempt": row({
    starts: ["Trying to allocate"],
    captures: /allocate (?<count>\d+) IP addresses on (?:new ENI|ENI (?<eni>eni-[0-9a-f]+))/,
  }),
  "growth-done": row({
    contains: [["Added ENI(", "'s IP"], "Successfully increased IP pool", "Successfully increased pool size"],
  }),
  "growth-failed": row({
    contains: [
      "failed to allocate all available IPv4 Prefixes on ENI",
      "failed to allocate one IPv4 prefix on ENI",
      "Failed to allocate a private IP/Prefix addresses on ENI",
      "Failed to allocate a private IP address",
      "Failed to allocate a private IP addresses on ENI",
      "Failed to increase pool size",
      "Failed to CreateNetworkInterface",
    ],
  }),
  "eni-created": row({ starts: ["Created a new ENI", "Successfully created and attached a new ENI"] }),
  "eni-limit-reached": row({
    contains: ["Skipping ENI allocation as the max ENI limit", "Skipping ENI allocation due to"],
  }),
  "room-for-eni": row({
    contains: ["hasRoomForEni"],
    captures:
      /currentENIs=(?<currentEnis>\d+),(?: currentUsableENIs=\d+,)? maxENI=(?<maxEni>\d+), unmanagedENI=(?<unmanagedEni>\d+), trunkEni=(?<trunkEni>\d+)(?:, excludedENI=(?<excludedEni>\d+))?, hasRoom=(?<hasRoom>true|false)/,
  }),
  "backoff-recorded": row({ contains: ["subnet doesn't seem to have enough IPs/Prefixes"] }),
  "subnet-exhausted": row({ contains: refusedFor("subnet-exhausted") }),
  "subnet-fragmented": row({ contains: refusedFor("subnet-fragmented") }),
  "backoff-active": row({ contains: ["Recently we had InsufficientCidr error"] }),
  /** Policy slash28 takes single addresses where no /28 is to be had: they are no other mode's. */
  "singles-stand-in": row({ starts: ["No /28 to be had in subnet"], captures: /(?<subnet>subnet-[0-9a-z-]+)/ }),
  cordoned: row({
    contains: ["AWS CNI is on a non schedulable node", ...refusedFor("node-cordoned")],
  }),
  terminating: row({ contains: ["AWS CNI is terminating"] }),
  "prefix-short": row({
    contains: ["Prefix target is"],
    captures: /Prefix target is (?<target>\d+), short of (?<short>\d+) prefixes, free (?<free>\d+) prefixes/,
  }),
  "unmanaged-eni": row({
    contains: ["as being unmanaged", "since it is unmanaged", ["accounting for", "unmanaged ENI"]],
    captures: /(?<eni>eni-[0-9a-f]+)/,
  }),
  "data-store-out-of-sync": row({ contains: ["This can happen if the data store is out of sync"] }),

  // -- Agent: subnets and custom networking --
  "subnet-excluded-untagged": row({
    contains: [["no kubernetes.io/role/cni tag", "excluding it"]],
    captures: /(?<subnet>subnet-[0-9a-z-]+)/,
  }),
  "subnet-other-cluster": row({
    contains: [["does not belong to this cluster", "excluding it"]],
    captures: /(?<subnet>subnet-[0-9a-z-]+)/,
  }),
  "no-valid-subnet": row({
    contains: [
      "no valid subnets available for ENI creation",
      ["primary subnet is tagged with kubernetes.io/role/cni=0", "discovery is disabled"],
      ...refusedFor("no-eligible-subnet"),
    ],
  }),
  "eni-excluded": row({ contains: ["as excluded from pod IP allocation"] }),
  "describe-subnets-failed": row({ contains: ["Failed to call ec2:DescribeSubnets", "unable to describe subnets"] }),
  "eniconfig-missing": row({
    contains: [
      "Failed to get pod ENI config",
      "eniconfig is not available",
      "error while retrieving eniconfig",
      "No ENIConfig could be found for this node",
      ...refusedFor("eniconfig-missing"),
    ],
    captures: /(?:eniconfigs?(?:\.crd\.k8s\.amazonaws\.com)? )\\?"(?<name>[\w.-]+)\\?" not found/i,
  }),
  "custom-networking-no-eni": row({ contains: ["Failed to attach any ENIs for custom networking"] }),

  // -- Agent: metadata and ENIs --
  "eni-not-in-metadata": row({
    contains: [
      "Not able to find the right ENI yet",
      "waitForENIAndIPsAttached: giving up",
      "Unable to discover attached ENI from metadata service",
      "Unable to discover attached IPs for ENI from metadata service",
    ],
    captures: /\((?:attempt(?:ed)? )(?<attempt>\d+)\/(?<of>\d+)\)/,
  }),
  "eni-has-too-few": row({
    contains: ["No secondary IPv4 addresses/prefixes available yet on ENI", ["This ENI only has", "we wanted"]],
    captures: /only has (?<has>\d+) IP addresses, we wanted (?<wanted>\d+)/,
  }),
  "metadata-mismatch": row({
    contains: ["Instance metadata does not match data store", "logOutOfSyncState", "Could not find interface"],
  }),
  "eni-added-by-other": row({ contains: ["A new ENI added but not by ipamd"] }),
  "attached-enis-unreadable": row({ contains: ["failed to retrieve attached ENIs info"] }),
  /** The agent's own comparison of rules, ENIs and SNAT with its books, and STATUS 51, which tells of it. */
  "host-network-unrepaired": row({
    contains: [
      "Network verification found what it cannot put right",
      "the network is not available: network-setup-failed;",
    ],
  }),
  "eni-link-not-found": row({
    contains: [
      "failed to find the link which uses MAC address",
      ["failed to set up ENI", "network"],
      "unable to replace route entry",
    ],
  }),
  "stale-allocation": row({
    contains: ["presuming stale/dead", "stale IP allocation for ID"],
    captures: /IP Address (?<address>[0-9.]+)/,
  }),
  "force-removed": row({
    contains: [
      ["Force removing eni", "assigned pods"],
      "Reconcile and delete detached ENI",
      "Reconcile and delete Prefix",
    ],
  }),
  "eni-tag-failed": row({ contains: ["Failed to tag the newly created ENI"] }),

  // -- Agent: checkpoint --
  "checkpoint-recovery-failed": row({
    contains: [
      "failed ipam state recovery",
      "IP already in data store",
      "The checkpoint cannot be used",
      ...refusedFor("checkpoint-unreadable"),
    ],
  }),
  "checkpoint-write-failed": row({
    contains: ["Failed to update backing store", ...refusedFor("checkpoint-unwritable")],
  }),

  // -- Agent: security groups for pods, annotations --
  "no-slot-for-trunk": row({ contains: ["No slot available for a trunk ENI"] }),
  "no-trunk": row({ contains: ["No trunk ENI found, cannot add a pod ENI"] }),
  "branch-eni-missing": row({ contains: ["failed to get Branch ENI resource", ...refusedFor("branch-eni-not-ready")] }),
  "branch-eni-found": row({ contains: ["Pod vlandId:", "Pod vlanId:"] }),
  "pod-annotation-failed": row({
    contains: ["Failed to add the pod annotation", "Failed to annotate vpc.amazonaws.com/pod-ips"],
  }),
  "pod-spec-forbidden": row({ contains: ["spec: Forbidden: pod updates may not change fields"] }),
  "patch-pods-forbidden": row({ contains: [["cannot patch resource", "pods"]] }),
  "ipv6-prefix-failed": row({
    contains: [
      "Failed to allocate IPv6 Prefixes on ENI",
      "failed to allocate an IPv6 prefix address",
      "ec2:AssignIpv6Addresses",
    ],
  }),

  // -- Plugin and container logs --
  "plugin-add": row({
    contains: ["Received CNI add request"],
    captures: /K8S_POD_NAMESPACE=(?<namespace>[^;)\s]+);K8S_POD_NAME=(?<name>[^;)\s]+)/,
  }),
  "plugin-refused": row({ contains: ["Failed to assign an IP address to container"] }),
  "plugin-address": row({
    contains: [["Received add network response", "Success:true"]],
    captures: /IPv4Addr:\\?"(?<address>[0-9.]+)/,
  }),
  "sandbox-not-found": row({ contains: ["Failed to find sandbox", "Failed to find IPAM entry under full key"] }),
  "entrypoint-waiting": row({
    contains: [
      "Checking for IPAM connectivity",
      "Retrying waiting for IPAM-D",
      "checking for IPAM connectivity",
      "timed out waiting for IPAM daemon",
    ],
  }),
  "entrypoint-done": row({
    contains: ["Successfully copied CNI plugin binary and config file", "Copying config file"],
  }),
  "agent-unreachable": row({
    contains: [
      "Failed to connect to backend server",
      "failed to connect to backend server",
      "no agent at /",
      "the agent gave no answer within",
      "the agent closed the connection before it answered",
      "the connection to the agent broke",
    ],
  }),
  "no-space-left": row({ contains: ["no space left on device", "read-only file system"] }),
} as const satisfies Readonly<Record<string, SignalRow>>;

export type SignalId = keyof typeof SIGNALS;

export const SIGNAL_IDS = Object.keys(SIGNALS) as readonly SignalId[];
