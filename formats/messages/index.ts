// The messages of the system: what clients send in frames, what stands on the topics, and their text forms.
export { formatTimestamp, secondsOf } from "./datetime.ts";
export {
  compact,
  formatControlEvent,
  formatEnvelope,
  parseControlEvent,
  parseEnvelope,
  parseMessage,
} from "./envelope.ts";
export { parseFrame } from "./frames.ts";
export {
  type ControlEvent,
  type FrameContext,
  type FrameItem,
  type IngestMessage,
  type IngestType,
  ingestTypes,
  isPoint,
  type MessageSource,
  type ParsedFrame,
} from "./types.ts";
