//! Users, challenges and evaluations.

use super::Case;

pub const CASES: &[Case] = &[
    Case {
        event: "USER_UPDATED",
        payload: r#"{"type":"USER_UPDATED","data":{"userId":"u1","email":"a@example.com"}}"#,
        rules: "USER_UPDATED",
        warmed: "",
        gone: "user:u1 user:u1:profile user:u1: users:list:page:1 users:list: challenges:user:u1 \
            challenges:user:u1:open challenges:user:u1: evaluations:user:u1 \
            evaluations:user:u1:2024 evaluations:user:u1:",
        stay: "user:u10 user:u10:profile user:u users:list users:count challenges:user:u10 \
            challenges:user:u2:open challenges:users:u1:open challenges:list:1 challenge:c1 \
            evaluations:user:u10:a evaluations:user:u2 evaluations:list:1 evaluation:u1",
    },
    Case {
        event: "USER_UPDATED",
        payload: r#"{"data":{"userId":"*"}}"#,
        rules: "USER_UPDATED",
        warmed: "",
        gone: "user:* user:*:profile challenges:user:* evaluations:user:*:a users:list:1",
        stay: "user:u1 user:u1:profile challenges:user:u1 evaluations:user:u1:a",
    },
    Case {
        event: "USER_DELETED",
        payload: r#"{"data":{"userId":42}}"#,
        rules: "USER_DELETED",
        warmed: "",
        gone: "user:42 user:42:profile user:42: users:list:1 users:list: users:count \
            challenges:user:42 challenges:user:42:a challenges:user:42: evaluations:user:42 \
            evaluations:user:42:a evaluations:user:42:",
        stay: "user:421 user:421:profile user:4 users:list users:counts users:count:1 \
            challenges:user:421 challenges:user:421:a challenges:user:4:a evaluations:user:421 \
            evaluations:user:421:a evaluations:user:4 evaluations:challenge:42 challenge:42",
    },
    Case {
        event: "CHALLENGE_COMPLETED",
        payload: r#"{"data":{"challengeId":"c1","userId":"u1"}}"#,
        rules: "challenge-changed",
        warmed: "",
        gone: "challenge:c1 challenge:c1:stats challenge:c1: challenges:list:all challenges:list: \
            challenges:user:u1 challenges:user:u1:open challenges:user:u1: \
            evaluations:challenge:c1 evaluations:challenge:c1:u1 evaluations:challenge:c1:",
        stay: "challenge:c10 challenge:c10:stats challenges:list challenges:user:u2 \
            challenges:user:u10:open challenges:user:none evaluations:challenge:c10 \
            evaluations:challenge:c2:c1 evaluations:user:u1 user:u1",
    },
    // Without a user nobody's own lists go.
    Case {
        event: "CHALLENGE_CREATED",
        payload: r#"{"data":{"challengeId":"c[0-9]*"}}"#,
        rules: "challenge-changed",
        warmed: "",
        gone: "challenge:c[0-9]* challenge:c[0-9]*:stats challenges:list:1",
        stay: "challenge:c1 challenge:c1:stats challenges:user:u1 challenges:user:u1:open",
    },
    Case {
        event: "EVALUATION_SUBMITTED",
        payload: r#"{"data":{"evaluationId":"e1","challengeId":"c1","userId":"u1"}}"#,
        rules: "evaluation-changed",
        warmed: "",
        gone: "evaluation:e1 evaluation:e1:comments evaluation:e1: evaluations:list:1 \
            evaluations:list: evaluations:user:u1 evaluations:user:u1:a evaluations:user:u1: \
            evaluations:challenge:c1 evaluations:challenge:c1:a evaluations:challenge:c1: \
            user:u1:progress",
        stay: "evaluation:e10 evaluation:e2:e1 evaluations:user:u10 evaluations:user:u10:a \
            evaluations:challenge:c10:a evaluations:list user:u1 user:u1:profile \
            user:u1:progress:x user:u2:progress challenges:user:u1 challenge:c1",
    },
    Case {
        event: "CHALLENGES_RESET",
        payload: r#"{"data":{"challengeId":"c1","userId":"u1"}}"#,
        rules: "",
        warmed: "",
        gone: "",
        stay: "challenge:c1 challenges:list:1 challenges:user:u1",
    },
];
