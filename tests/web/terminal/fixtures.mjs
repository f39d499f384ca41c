/** A lesson at 09:00–09:40 in Shanghai and what the terminal may know of it. */

export const START = Date.parse("2026-11-23T09:00:00+08:00");
export const MINUTE = 60_000;

export function lesson(more = {}) {
  return {
    id: "o-1",
    title: "Unit 6",
    subject: "英语",
    starts_at: "2026-11-23T09:00:00+08:00",
    ends_at: "2026-11-23T09:40:00+08:00",
    state: "planned",
    role: "remote",
    host: { school: "城厢镇第四小学", classroom: "1号演播教室", teacher: "王老师", class: null },
    seat: { id: "s-1", class: "三(2)班", expected: 42 },
    change: null,
    grants: {
      url: "https://relay.example",
      expires_at: "2026-11-23T10:10:00+08:00",
      publish: [],
      subscribe: { token: "t", audio: 2, video: 3 },
    },
    ...more,
  };
}

export function live(more = {}) {
  return {
    type: "lesson",
    id: "o-1",
    state: "live",
    opened_at: "2026-11-23T08:50:00+08:00",
    live_at: "2026-11-23T09:00:05+08:00",
    ends_at: "2026-11-23T09:40:00+08:00",
    extended_s: 0,
    can_extend: true,
    host_media: true,
    called_on: null,
    muted: false,
    hands: [],
    seats: [],
    ...more,
  };
}

export function inputs(more = {}) {
  return {
    enrolled: true,
    link: "online",
    welcomed: true,
    lessons: [lesson()],
    live: {},
    now: START,
    giving: null,
    flowing: false,
    left: [],
    ...more,
  };
}

/** Storage as a browser's, in memory. */
export class MemoryStorage {
  constructor() {
    this.kept = new Map();
  }
  getItem(name) {
    return this.kept.get(name) ?? null;
  }
  setItem(name, value) {
    this.kept.set(name, value);
  }
  removeItem(name) {
    this.kept.delete(name);
  }
}
