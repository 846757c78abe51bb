//! Sessions, by tag.

use super::{Case, SpelledOut};

pub const SPELLED_OUT: &[SpelledOut] = &[("session.created", "warmCache", "1")];

pub const CASES: &[Case] = &[
    Case {
        event: "session.created",
        payload: r#"{"sessionId":"s9","teacherId":"123","schoolId":"5"}"#,
        rules: "session.created session-changed",
        warmed: "sessions:teacher:123#teacher:123#sessions dashboard#x#teacher:123 \
            profile:123#teacher:123 sessions:school:5#school:5:sessions#sessions",
        gone: "session:s9:absent#session:s9",
        stay: "sessions:teacher:1234#teacher:1234#sessions sessions:teacher:12#teacher:12#sessions \
            a#Teacher:123 b#teacher c#xteacher:123 d#teacher:123:x teacher:123 sessions \
            sessions:teacher:123:untagged school:5#school:5 roster:5#school:5:roster \
            sessions:school:50#school:50:sessions session:s8#session:s8",
    },
    Case {
        event: "session.created",
        payload: r#"{"sessionId":"?","teacherId":"*","schoolId":"[0-9]"}"#,
        rules: "session.created session-changed",
        warmed: "a#teacher:* b#school:[0-9]:sessions",
        gone: "c#session:?",
        stay: "d#teacher:123 e#school:5:sessions f#session:s",
    },
    Case {
        event: "session.ended",
        payload: r#"{"sessionId":"s9","teacherId":"123"}"#,
        rules: "session-changed",
        warmed: "",
        gone: "session:s9#session:s9#sessions session:s9:analytics#session:s9#teacher:123 \
            sessions:teacher:123#teacher:123#sessions unknown#school:none:sessions",
        stay: "session:s90#session:s90 session:s8#session:s8#sessions \
            sessions:teacher:7#teacher:7#sessions sessions:school:5#school:5:sessions s9",
    },
    Case {
        event: "sessions.imported",
        payload: "{}",
        rules: "sessions-imported",
        warmed: "",
        gone: "sessions:teacher:123#teacher:123#sessions session:s9#sessions#session:s9",
        stay: "profile:123#teacher:123 sessions sessions:all a#session b#sessions:all c#Sessions",
    },
    Case {
        event: "teacher.updated",
        payload: r#"{"teacherId":123}"#,
        rules: "teacher-updated",
        warmed: "profile:123#teacher:123 sessions:teacher:123#teacher:123#sessions",
        gone: "",
        stay: "profile:12#teacher:12 sessions:teacher:7#sessions#teacher:7 teacher:123",
    },
    Case {
        event: "school.updated",
        payload: r#"{"schoolId":"5"}"#,
        rules: "school-updated",
        warmed: "",
        gone: "school:5:data#school:5 roster:5#school:5:roster",
        stay: "school:50:data#school:50 sessions:school:5#school:5:sessions \
            roster:4#school:4:roster school:5",
    },
    Case {
        event: "session",
        payload: r#"{"sessionId":"s9","teacherId":"123","schoolId":"5"}"#,
        rules: "",
        warmed: "",
        gone: "",
        stay: "session:s9#session:s9 a#teacher:123",
    },
];
