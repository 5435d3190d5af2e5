// The numbers of rtnetlink that we write and read: message types, flags, attributes.
// Sources: include/uapi/linux/{netlink,rtnetlink,if_link,if_addr,fib_rules,neighbour,veth}.h of Linux 6.1.

export const NLMSG = { error: 2, done: 3, overrun: 4 } as const;

export const NLM_F = {
  request: 0x1,
  ack: 0x4,
  /** In a reply: the list changed while it was read. */
  dumpInterrupted: 0x10,
  /** In an error: the request is not repeated in full. */
  capped: 0x100,
  /** In an error: attributes follow. */
  ackAttributes: 0x200,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  dump: 0x300,
} as const;

export const RTM = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  getNeighbour: 30,
  newRule: 32,
  deleteRule: 33,
  getRule: 34,
} as const;

export const AF_INET = 2;

export const IFF_UP = 1;
export const IFLA = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  txQueueLength: 13,
  linkInfo: 18,
  alias: 20,
  namespaceFd: 28,
  extensionMask: 29,
  txQueueCount: 31,
  rxQueueCount: 32,
} as const;
export const IFLA_INFO = { kind: 1, data: 2 } as const;
export const VETH_INFO_PEER = 1;
export const IFLA_VLAN_ID = 1;
/** RTEXT_FILTER_SKIP_STATS: counters make a reply three times as long. */
export const SKIP_STATISTICS = 8;

export const IFA = { address: 1, local: 2, broadcast: 4 } as const;

export const RTA = {
  destination: 1,
  outInterface: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  multipath: 9,
  table: 15,
  via: 18,
} as const;
export const RTPROT_BOOT = 3;
export const RTN_UNICAST = 1;
export const RT_SCOPE = { universe: 0, link: 253, nowhere: 255 } as const;
/** RTM_F_CLONED: an entry of the cache, not of the table. */
export const RTM_F_CLONED = 0x200;

export const FRA = {
  destination: 1,
  source: 2,
  inInterface: 3,
  priority: 6,
  mark: 10,
  suppressGroup: 13,
  suppressPrefixLength: 14,
  table: 15,
  markMask: 16,
  pad: 18,
  protocol: 21,
} as const;
export const FR_ACT_TO_TBL = 1;
export const FIB_RULE_INVERT = 2;

export const NDA = { destination: 1, linkAddress: 2, linkIndex: 8 } as const;
export const NUD_PERMANENT = 0x80;

/** NLMSGERR_ATTR_MSG: what the kernel says in words. */
export const ERROR_TEXT = 1;
