/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/survey`. Re-exports only.

/**
 * A question to all who are there, and their answers until a deadline.
 *
 * @module brokerless/patterns/survey
 */

export type { ClosingOptions } from "../closing.ts"
export { Emitter, type EventFrom, type EventMap } from "../emitter.ts"
export { Participant, type ParticipantSocketOptions } from "../participant.ts"
export {
  Respondent,
  type RespondentEvents,
  type RespondentOptions,
  type RespondentStats,
  type SurveyContext,
  type SurveyHandler,
} from "./respondent.ts"
export type { Survey, SurveyAnswer, SurveyOutcome, SurveyReason } from "./survey.ts"
export {
  type SurveyOptions,
  Surveyor,
  type SurveyorEvents,
  type SurveyorOptions,
  type SurveyorStats,
} from "./surveyor.ts"
