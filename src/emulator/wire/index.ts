// The EC2 Query protocol: form text in, XML out.

export { type DecodedRequest, decodeRequest } from "./decode.ts";
export { encodeReply, type WireReply } from "./encode.ts";
