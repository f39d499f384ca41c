/**
 * The shapes of docs/terminal-protocol.md, for the type checker; no code.
 *
 * @typedef {"zh" | "en"} Language
 * @typedef {"planned" | "open" | "live" | "ended" | "missed" | "cancelled"} LessonState
 * @typedef {"good" | "weak" | "reconnecting"} LineState
 *
 * @typedef {object} PublishGrant
 * @property {string} source `camera`, `screen` or `seat`
 * @property {string} token
 *
 * @typedef {object} Grants
 * @property {string} url origin (and path prefix) of the relay
 * @property {string} expires_at
 * @property {PublishGrant[]} publish
 * @property {{token: string, audio: number, video: number}} [subscribe]
 * @property {RTCIceServer[]} ice_servers TURN servers, with passwords that end as the tokens do
 *
 * @typedef {object} Help the room's last call for help
 * @property {string} at
 * @property {string | null} answered_at
 * @property {string | null} by who answered
 *
 * @typedef {object} Seat
 * @property {string} id
 * @property {string} [school]
 * @property {string} [classroom]
 * @property {string | null} [class]
 * @property {number | null} [expected]
 *
 * @typedef {object} Lesson
 * @property {string} id
 * @property {string} title
 * @property {string} subject
 * @property {number | null} [grade]
 * @property {string} starts_at
 * @property {string} ends_at
 * @property {LessonState} state
 * @property {"host" | "remote"} role
 * @property {{school: string, classroom: string, teacher: string, class: string | null}} host
 * @property {Seat | null} [seat]
 * @property {Seat[]} [seats]
 * @property {{kind: string, reason: string} | null} [change]
 * @property {Grants | null} [grants]
 *
 * @typedef {object} PlanNotice what changed in this classroom's timetable
 * @property {number} id
 * @property {string} at
 * @property {string} until when the last of the lessons it names is over
 * @property {{kind: string, lesson: string, zh: string, en: string, until: string}[]} items
 * @property {number} more changes that are not among the items
 *
 * @typedef {object} LiveSeat
 * @property {string} id
 * @property {boolean} online
 * @property {boolean} receiving
 * @property {LineState | null} [line]
 * @property {number | null} present
 *
 * @typedef {object} Live
 * @property {string} id
 * @property {LessonState} state
 * @property {string | null} opened_at
 * @property {string | null} live_at
 * @property {string} ends_at
 * @property {number} extended_s
 * @property {string | null} [latest_end_at]
 * @property {boolean} can_extend
 * @property {boolean} host_media
 * @property {string | null} called_on
 * @property {{school: string, classroom: string} | null} [called_room]
 * @property {boolean} muted
 * @property {boolean} [quiet] all rooms are silenced: no hands for now
 * @property {{seat: string, at: string}[]} hands
 * @property {Question | null} [question] the last one
 * @property {Page | null} [page] of a document, which all rooms are shown
 * @property {Document[]} [documents] host: what the lesson has, as it was given
 * @property {string[]} [wall]
 * @property {{id: string, seat: string, at: string, text: string}[]} [messages] host: the latest
 *   ones of the rooms, oldest first
 * @property {Record<string, number>} [turns] host: times called on in this lesson, by seat
 * @property {Record<string, number>} [week_turns] host: the same, earlier in the week
 * @property {LiveSeat[]} seats
 * @property {Record<string, {loss: number | null, path: PathKind}>} [lines] host only
 *
 * @typedef {object} Question
 * @property {number} number from 1
 * @property {string} text may be empty
 * @property {string[]} options may be empty texts
 * @property {string} asked_at
 * @property {string | null} closed_at
 * @property {boolean} shown the result is on the screens of all rooms
 * @property {Record<string, number[]>} answers pupils by option, by seat
 *
 * @typedef {object} Page
 * @property {string} document
 * @property {string} name
 * @property {number} page from 1
 * @property {number} pages
 * @property {number} width of its largest picture, pixels
 * @property {number} height
 *
 * @typedef {object} Document
 * @property {string} id
 * @property {string} name
 * @property {number} pages 0: being converted, or it could not be
 * @property {{zh: string, en: string} | null} problem why it could not be
 *
 * @typedef {object} Place
 * @property {string} id
 * @property {string} name
 * @property {string} [role]
 *
 * @typedef {object} Welcome
 * @property {number} now ms
 * @property {string} server
 * @property {string} boot
 * @property {string} terminal
 * @property {Place} classroom
 * @property {Place} school
 * @property {string} zone
 * @property {{name: string, week1_monday: string} | null} [term]
 * @property {Grants | null} check
 * @property {Lesson[]} plan
 *
 * @typedef {"ok" | "failed" | "unknown"} CheckState
 *
 * @typedef {object} CheckItem
 * @property {CheckState} state
 * @property {string} detail a key of strings.js, or empty
 * @property {Record<string, string | number>} [params]
 *
 * How media reach the relay: `turn-…` through a TURN server, which we reach by what follows.
 * @typedef {"udp" | "tcp" | "turn-udp" | "turn-tcp" | "turn-tls" | "none"} PathKind
 *
 * @typedef {object} CheckPath
 * @property {PathKind} kind
 * @property {number | null} rtt_ms
 * @property {number | null} loss
 * @property {Partial<Record<Exclude<PathKind, "none">, "ok" | "failed">>} ways each tried by itself
 *
 * @typedef {object} CheckResult
 * @property {boolean} running
 * @property {number | null} at when it finished, ms
 * @property {CheckItem} camera
 * @property {CheckItem} microphone
 * @property {CheckItem} speaker
 * @property {CheckItem} clock
 * @property {CheckItem} line
 * @property {CheckPath} path
 * @property {number | null} clock_offset_ms
 */
export {};
