// EKS itself wants free addresses in the cluster's subnets, for an update of the control plane.

import { noteDecidingText } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

export const failureClass = defineClass({
  id: "cluster-update-needs-5-ips",
  title: "an EKS operation needs five free addresses in the cluster's subnets",
  needs: ["sightings"],
  lookAlikes: [],
  docs: {
    what: "A cluster operation (update, endpoint change) was refused because subnets of the cluster have fewer than five free addresses.",
    why: "EKS places its own ENIs in the subnets that were given when the cluster was made. These need not be the subnets of nodes and pods; pods may be fine.",
    next: "Free addresses in the subnets that the message names, or change the cluster's subnets to larger ones of the same zones.",
    prevention: "Small subnets of their own for the control plane, shared with nothing.",
    sources: ["EKS user guide, VPC and subnet requirements"],
  },
  look(facts, notes) {
    const found = noteDecidingText(facts, notes, {
      signals: "cluster-needs-free-addresses",
      what: "the message is that of an EKS operation",
    });
    if (found.length === 0) return;
    notes.summary("An EKS operation wants five free addresses in the cluster's own subnets; it says nothing of pods.");
    notes.fix(
      "aws eks describe-cluster --name CLUSTER --query cluster.resourcesVpcConfig.subnetIds",
      "aws ec2 describe-subnets --subnet-ids SUBNETS --query 'Subnets[].[SubnetId,AvailableIpAddressCount]'",
      "aws eks update-cluster-config --name CLUSTER --resources-vpc-config subnetIds=SUBNET_1,SUBNET_2   # subnets of the same zones with room",
    );
  },
});
