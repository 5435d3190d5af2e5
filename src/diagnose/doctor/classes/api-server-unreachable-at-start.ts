// The agent waits for an API server that it does not reach: mostly a node without a working kube-proxy.

import type { Evidence, Facts } from "../../facts/model.ts";
import { quotes, sightingsOf } from "../../facts/settings.ts";
import { endedStarts, noteSightings, whereText } from "../daemon.ts";
import { defineClass } from "../failure-class.ts";

const WAITS =
  /Testing communication with server|Unable to reach API Server|API server connectivity|communicat\w+ with (?:K8S Server|apiserver)/;

export const failureClass = defineClass({
  id: "api-server-unreachable-at-start",
  title: "the agent cannot reach the API server at its start",
  needs: ["sightings", "logs", "pods"],
  lookAlikes: [],
  causes: ["ipamd-not-running", "ipamd-killed-by-probe"],
  docs: {
    what: "The agent's start waits for the API server, which the node does not reach.",
    why: "kube-proxy is missing or broken on the node, so the service address leads nowhere; or a security group, the endpoint's access list, a proxy, or a missing service-account token is in the way. From v1.19.4 the agent gives up after 30 s and runs without it, unless security groups for pods, custom networking or the pod-IP annotation is on: those wait for ever.",
    next: "Repair kube-proxy on the node; open port 443 of the control plane's security group to the nodes; or set CLUSTER_ENDPOINT to the endpoint itself.",
    prevention:
      "The kube-proxy add-on is installed before nodes join; no feature that makes the agent wait is on without need.",
    sources: [
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/122",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/641",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/1847",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/272",
      "https://github.com/aws/amazon-vpc-cni-k8s/issues/104",
    ],
  },
  look(facts, notes) {
    const lines = sightingsOf(facts, "api-server-unreachable");
    const ends = endedStarts(facts).filter(({ start }) => !start.isServing && WAITS.test(start.lastText));
    if (lines.length === 0 && ends.length === 0) return;
    noteSightings(notes, lines);
    notes.sign(...ends.map((one) => one.evidence).slice(0, 2));
    const nodes = [...lines.map((one) => one.node), ...ends.map((one) => one.node)];
    notes.affects({ nodes });
    const said = [...quotes(lines, 2), ...ends.map((one) => one.evidence).slice(0, 1)];
    notes.proof("the agent says so, or its start ends on the test", said, {
      what: "the agent's log",
      command: "sudo grep -i 'api server\\|apiserver\\|K8S Server' /var/log/aws-routed-eni/ipamd.log | tail -n 10",
    });
    const unserved = endedStarts(facts).filter(({ start }) => !start.isServing);
    const fatal = sightingsOf(facts, "initialization-failure").flatMap((one) => one.occurrences.samples);
    const held: Evidence[] = [
      ...unserved.map((one) => one.evidence),
      ...fatal.filter(({ text }) => WAITS.test(text)),
      ...quotes(sightingsOf(facts, ["network-plugin-not-ready", "agent-connection-refused"]), 1),
      ...brokenProxies(facts),
    ];
    notes.proof("the start does not get past it", held.slice(0, 3), {
      what: "whether the service address answers on the node, and the state of kube-proxy there",
      command:
        "curl -k -m 5 https://172.20.0.1:443/version   # on the node, with the address of service default/kubernetes; then: kubectl -n kube-system get pods -l k8s-app=kube-proxy -o json > kube-proxy.json",
    });
    const served = facts.logs.filter((log) => log.starts.length > 0 && log.starts.every((start) => start.isServing));
    const after = served.flatMap((log) => log.starts.slice(-1));
    if (unserved.length === 0 && fatal.length === 0 && after.length > 0) {
      const evidence = after.map((start) => ({
        source: start.at,
        text: `the agent of this start served: ${start.lastText}`,
      }));
      notes.against("every start of the log went on to serve: the API server was slow, not out of reach", evidence);
    }
    const proxies = brokenProxies(facts);
    const why = proxies.length > 0 ? `; kube-proxy is not up there: ${proxies[0]?.text}` : "";
    notes.summary(`The agent of ${whereText(nodes)} does not reach the API server at its start${why}.`);
    notes.fix(
      "kubectl -n kube-system get pods -l k8s-app=kube-proxy -o wide   # must run on that node; if not: aws eks describe-addon --cluster-name CLUSTER --addon-name kube-proxy",
      "aws ec2 describe-security-groups --group-ids CONTROL_PLANE_GROUP   # port 443 open to the nodes",
      "kubectl -n kube-system set env daemonset aws-node CLUSTER_ENDPOINT=https://ENDPOINT   # past kube-proxy",
    );
  },
});

function brokenProxies(facts: Pick<Facts, "pods">): Evidence[] {
  return facts.pods
    .filter((pod) => pod.name.startsWith("kube-proxy") && !pod.isReady)
    .map((pod) => ({ source: pod.at, text: `${pod.name}: not ready` }));
}
