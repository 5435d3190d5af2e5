// The EC2 Query protocol: forms in, XML out.
export { type DecodedRequest, decodeRequest } from "./query.ts";
export { type Answer, encodeReply, type WireReply } from "./xml.ts";
