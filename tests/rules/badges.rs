//! Badges and communities.

use super::{Case, SpelledOut};

pub const SPELLED_OUT: &[SpelledOut] = &[
    (
        "badge-mint",
        "cacheKeys",
        "badges:list:all badges:recent badges:count badges:search:* badges:category:*",
    ),
    (
        "badge-mint",
        "patterns",
        "^badges:user:.*:list$ ^badges:user:.*:count$ ^passport:.*$ ^badge:.*$",
    ),
    ("badge-mint", "priority", "high"),
    ("badge-mint", "warmCache", "1"),
    ("badge-metadata-update", "cacheKeys", "badges:list:all badges:search:*"),
    ("badge-metadata-update", "patterns", "^badge:.*$ ^badges:category:.*$"),
    ("badge-metadata-update", "priority", "medium"),
    ("badge-metadata-update", "warmCache", "0"),
    ("badge-revocation", "cacheKeys", "badges:list:all badges:recent badges:count"),
    (
        "badge-revocation",
        "patterns",
        "^badges:user:.*:list$ ^badges:user:.*:count$ ^passport:.*$ ^badge:.*$",
    ),
    ("badge-revocation", "priority", "high"),
    ("badge-revocation", "warmCache", "1"),
    (
        "community-creation",
        "cacheKeys",
        "communities:list:all communities:count communities:search:* communities:tag:*",
    ),
    (
        "community-creation",
        "patterns",
        "^communities:admin:.*:count$ ^community:.*$ ^community:slug:.*$",
    ),
    ("community-creation", "priority", "medium"),
    ("community-creation", "warmCache", "1"),
    ("custom-event", "cacheKeys", "custom:list custom:count"),
    ("custom-event", "patterns", "^custom:user:.*"),
    ("custom-event", "priority", "low"),
    ("custom-event", "warmCache", "0"),
    ("custom-event", "description", "Custom event invalidation"),
];

pub const CASES: &[Case] = &[
    Case {
        event: "badge-mint",
        payload: r#"{"userId":"7","badgeId":"b1","badgeName":"Gold *","criteria":"first","contractAddress":"SP1.badges","transactionHash":"0xab","blockHeight":120034,"timestamp":1726828200}"#,
        rules: "badge-mint",
        warmed: "badges:list:all badges:recent badges:count badges:search: badges:search:gold \
            badges:category:art:2 badges:user:7:list badges:user:8:count badges:user::list \
            badges:user:*:list badges:user:a:b:count passport:7 passport: badge:b1 badge:a\nb",
        gone: "",
        stay: "badges:list:all:2 badges:list badges:recents badges:count:1 badges:search \
            badges:searcher:gold badges:category badges:user:list badges:user:7 \
            badges:user:7:lists badges:user:7:list\n badges:user:7:list:2 passports:7 badge \
            BADGE:b1 communities:list:all",
    },
    Case {
        event: "badge-metadata-update",
        payload: r#"{"badgeId":"b1","badgeName":"Gold"}"#,
        rules: "badge-metadata-update",
        warmed: "",
        gone: "badges:list:all badges:search:gold badge:b1 badge: badges:category:art \
            badges:category:",
        stay: "badges:recent badges:count badges:user:7:list passport:7 badges:list:all:2 \
            badges:searcher:x badges:category badges",
    },
    Case {
        event: "badge-revocation",
        payload: r#"{"userId":"7","badgeId":"b1"}"#,
        rules: "badge-revocation",
        warmed: "badges:list:all badges:recent badges:count badges:user:7:list badges:user:7:count \
            passport:7 badge:b1",
        gone: "",
        stay: "badges:search:gold badges:category:art badges:list:all2 badges:user:7:count:x \
            badges:user:7:listing passports:7 badges:recent:1",
    },
    Case {
        event: "community-creation",
        payload: r#"{"communityId":"c1","slug":"rust","admin":"7"}"#,
        rules: "community-creation",
        warmed: "communities:list:all communities:count communities:search:rust \
            communities:tag:a:b communities:admin:7:count communities:admin::count community:c1 \
            community:slug:rust",
        gone: "",
        stay: "communities:list communities:counts communities:search communities:tags:a \
            communities:admin:7:list communities:admin:count communities:admin:7:count:x \
            communitys:c1 community badges:list:all",
    },
    Case {
        event: "custom-event",
        payload: "{}",
        rules: "custom-event",
        warmed: "",
        gone: "custom:list custom:count custom:user: custom:user:7:x",
        stay: "custom:lists custom:list:1 custom:user custom:users:7",
    },
    Case {
        event: "badge-mints",
        payload: "{}",
        rules: "",
        warmed: "",
        gone: "",
        stay: "badges:list:all badge:b1",
    },
];
