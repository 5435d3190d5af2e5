// SNAT and marks as amazon-vpc-cni-k8s has them (datapath.md 10.2, 10.3), written out by hand: as iptables and nft list them on a
// node with eth0 and 10.0.0.10, in a VPC of 10.0.0.0/16 and 100.64.0.0/16, with 192.168.0.0/24 excluded; and the reference's own
// commands.

export const LISTED_NODE = "10.0.0.10";
export const LISTED_VPC: readonly string[] = ["10.0.0.0/16", "100.64.0.0/16"];
export const LISTED_EXCLUSION = "192.168.0.0/24";

export const SNAT_LISTED = `\
-A POSTROUTING -m comment --comment "AWS SNAT CHAIN" -j AWS-SNAT-CHAIN-0
-A AWS-SNAT-CHAIN-0 -d 192.168.0.0/24 -m comment --comment "AWS SNAT CHAIN EXCLUSION" -j RETURN
-A AWS-SNAT-CHAIN-0 -d 100.64.0.0/16 -m comment --comment "AWS SNAT CHAIN" -j RETURN
-A AWS-SNAT-CHAIN-0 -d 10.0.0.0/16 -m comment --comment "AWS SNAT CHAIN" -j RETURN
-A AWS-SNAT-CHAIN-0 ! -o vlan+ -m comment --comment "AWS, SNAT" -m addrtype ! --dst-type LOCAL -j SNAT --to-source 10.0.0.10 --random-fully`;
export const MANGLE_LISTED = `\
-A PREROUTING -i eth0 -m comment --comment "AWS, primary ENI" -m addrtype --dst-type LOCAL --limit-iface-in -j CONNMARK --set-xmark 0x80/0x80
-A PREROUTING -i eni+ -m comment --comment "AWS, primary ENI" -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80
-A PREROUTING -i vlan+ -m comment --comment "AWS, primary ENI" -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80`;
/** Marks by iptables; with nftables it is `connmarkTable`. */
export const CONNMARK_LISTED = `\
-A PREROUTING -i eni+ -m comment --comment "AWS, outbound connections" -j AWS-CONNMARK-CHAIN-0
-A PREROUTING -m comment --comment "AWS, CONNMARK" -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80
-A AWS-CONNMARK-CHAIN-0 -d 192.168.0.0/24 -m comment --comment "AWS CONNMARK CHAIN" -j RETURN
-A AWS-CONNMARK-CHAIN-0 -d 100.64.0.0/16 -m comment --comment "AWS CONNMARK CHAIN" -j RETURN
-A AWS-CONNMARK-CHAIN-0 -d 10.0.0.0/16 -m comment --comment "AWS CONNMARK CHAIN" -j RETURN
-A AWS-CONNMARK-CHAIN-0 -m comment --comment "AWS, CONNMARK" -j CONNMARK --set-xmark 0x80/0x80`;

/** As nft 1.0.6 lists it, before any packet came. */
export function connmarkTable(exempt: readonly string[]): string {
  return `table ip aws-cni {
	chain snat-mark {
${exempt.map((cidr) => `\t\tcounter packets 0 bytes 0 ip daddr ${cidr} return\n`).join("")}\
		counter packets 0 bytes 0 ct mark set ct mark | 0x00000080
	}

	chain nat-prerouting {
		type nat hook prerouting priority dstnat + 10; policy accept;
		fib daddr type local return
		iifname "eni*" counter packets 0 bytes 0 jump snat-mark
		counter packets 0 bytes 0 meta mark set ct mark & 0x00000080
	}
}
`;
}

/** What the reference gives to iptables for SNAT and node ports, in its order. */
export function referenceCommands(node: {
  readonly address: string;
  readonly vpcCidrs: readonly string[];
  readonly excludedCidrs: readonly string[];
}): string[] {
  const insert = (cidr: string, comment: string): string =>
    `-t nat -I AWS-SNAT-CHAIN-0 1 -d ${cidr} -m comment --comment "${comment}" -j RETURN`;
  return [
    "-t nat -N AWS-SNAT-CHAIN-0",
    '-t nat -A POSTROUTING -m comment --comment "AWS SNAT CHAIN" -j AWS-SNAT-CHAIN-0',
    ...node.vpcCidrs.map((cidr) => insert(cidr, "AWS SNAT CHAIN")),
    ...node.excludedCidrs.map((cidr) => insert(cidr, "AWS SNAT CHAIN EXCLUSION")),
    `-t nat -A AWS-SNAT-CHAIN-0 ! -o vlan+ -m comment --comment "AWS, SNAT" -m addrtype ! --dst-type LOCAL -j SNAT --to-source ${node.address} --random-fully`,
    '-t mangle -A PREROUTING -m comment --comment "AWS, primary ENI" -i eth0 -m addrtype --dst-type LOCAL --limit-iface-in -j CONNMARK --set-mark 0x80/0x80',
    '-t mangle -A PREROUTING -m comment --comment "AWS, primary ENI" -i eni+ -j CONNMARK --restore-mark --mask 0x80',
    '-t mangle -A PREROUTING -m comment --comment "AWS, primary ENI" -i vlan+ -j CONNMARK --restore-mark --mask 0x80',
  ];
}
