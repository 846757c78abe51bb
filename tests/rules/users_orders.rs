//! Users and orders behind a query cache.

use super::{Case, SpelledOut};

pub const SPELLED_OUT: &[SpelledOut] = &[
    (
        "UserRegisteredEvent",
        "cacheKeys",
        "query_cache:ListUsersQuery:* query_cache:GetActiveUsersQuery:*",
    ),
    (
        "OrderCreatedEvent",
        "cacheKeys",
        "query_cache:ListOrdersQuery:* query_cache:GetCustomerOrdersQuery:*",
    ),
    (
        "OrderStatusChangedEvent",
        "cacheKeys",
        "query_cache:GetOrderQuery:* query_cache:ListOrdersQuery:* query_cache:GetPendingOrdersQuery:*",
    ),
    ("CreateUserCommand", "cacheKeys", "query_cache:ListUsersQuery:*"),
    ("UpdateUserCommand", "cacheKeys", "query_cache:GetUserQuery:* query_cache:ListUsersQuery:*"),
    ("DeleteUserCommand", "cacheKeys", "query_cache:GetUserQuery:* query_cache:ListUsersQuery:*"),
];

pub const CASES: &[Case] = &[
    Case {
        event: "UserRegisteredEvent",
        payload: r#"{"user_id":"new-user","email":"test@example.com"}"#,
        rules: "UserRegisteredEvent",
        warmed: "",
        gone: "query_cache:ListUsersQuery:active:hash_abc123 query_cache:ListUsersQuery: \
            query_cache:GetActiveUsersQuery:1",
        stay: "query_cache:ListUsersQuery query_cache:ListUsers:active \
            query_cache:ListUsersQuery2:1 query_cache:listusersquery:1 \
            query_cache:GetActiveUsersQuery query_cache:GetUserQuery:user:new-user",
    },
    Case {
        event: "UserEmailChangedEvent",
        payload: r#"{"user_id":12,"old_email":"a@example.com","new_email":"b@example.com"}"#,
        rules: "UserEmailChangedEvent",
        warmed: "",
        // The guideline's own price: 123 holds 12.
        gone: "query_cache:GetUserQuery:user:12 query_cache:GetUserQuery:user:123 \
            query_cache:GetUserQuery:12:hash query_cache:ListUsersQuery:a \
            query_cache:ListUsersQuery: query_cache:GetActiveUsersQuery:a \
            query_cache:GetActiveUsersQuery:",
        stay: "query_cache:GetUserQuery:user:1 query_cache:GetUserQuery:user:21 \
            query_cache:ListUsersQuery query_cache:GetActiveUsersQuery query_cache:GetUserQuery12 \
            query_cache:GetUsersQuery:user:12 query_cache:GetOrdersByCustomerQuery:customer:12",
    },
    Case {
        event: "UserEmailChangedEvent",
        payload: r#"{"user_id":"*"}"#,
        rules: "UserEmailChangedEvent",
        warmed: "",
        gone: "query_cache:GetUserQuery:user:* query_cache:ListUsersQuery:a",
        stay: "query_cache:GetUserQuery:user:12 query_cache:GetUserQuery:user:",
    },
    Case {
        event: "UserDeletedEvent",
        payload: r#"{"user_id":"user-12"}"#,
        rules: "UserDeletedEvent",
        warmed: "",
        gone: "query_cache:GetUserQuery:user:user-12 query_cache:ListUsersQuery:all \
            query_cache:ListUsersQuery: query_cache:GetActiveUsersQuery:all \
            query_cache:GetActiveUsersQuery:",
        stay: "query_cache:GetUserQuery:user:12 query_cache:GetUserQuery:user:user-1 \
            query_cache:ListUsersQuery query_cache:GetActiveUsersQuery \
            query_cache:GetUserQuery:user:USER-12 query_cache:ListOrdersQuery:user-12",
    },
    Case {
        event: "UserDeletedEvent",
        payload: r#"{"user_id":"[1-9]?\\"}"#,
        rules: "UserDeletedEvent",
        warmed: "",
        gone: r"query_cache:GetUserQuery:user:[1-9]?\ query_cache:GetActiveUsersQuery:a",
        stay: r"query_cache:GetUserQuery:user:1x\ query_cache:GetUserQuery:user:1x",
    },
    Case {
        event: "OrderCreatedEvent",
        payload: r#"{"order_id":"o1","customer_id":"456"}"#,
        rules: "OrderCreatedEvent",
        warmed: "",
        gone: "query_cache:ListOrdersQuery:all query_cache:GetCustomerOrdersQuery:customer:456",
        stay: "query_cache:GetOrderQuery:order:o1 query_cache:GetPendingOrdersQuery:1 \
            query_cache:GetOrdersByCustomerQuery:customer:456 query_cache:ListOrders:all \
            query_cache:ListUsersQuery:all",
    },
    Case {
        event: "OrderStatusChangedEvent",
        payload: r#"{"order_id":"o1","status":"shipped"}"#,
        rules: "OrderStatusChangedEvent",
        warmed: "",
        gone: "query_cache:GetOrderQuery:order:o1 query_cache:GetOrderQuery:order:o2 \
            query_cache:ListOrdersQuery:all query_cache:GetPendingOrdersQuery:1",
        stay: "query_cache:GetOrdersQuery:1 query_cache:GetCustomerOrdersQuery:customer:456 \
            query_cache:GetPendingOrders:1 query_cache:GetOrderQuery",
    },
    Case {
        event: "CreateUserCommand",
        payload: r#"{"email":"test@example.com"}"#,
        rules: "CreateUserCommand",
        warmed: "",
        gone: "query_cache:ListUsersQuery:all query_cache:ListUsersQuery:active:1",
        stay: "query_cache:GetUserQuery:user:1 query_cache:GetActiveUsersQuery:1 \
            query_cache:ListUsersQuery",
    },
    Case {
        event: "UpdateUserCommand",
        payload: r#"{"user_id":"1"}"#,
        rules: "UpdateUserCommand",
        warmed: "",
        gone: "query_cache:GetUserQuery:user:1 query_cache:GetUserQuery:user:2 \
            query_cache:ListUsersQuery:all",
        stay: "query_cache:GetActiveUsersQuery:1 query_cache:GetUserQuery query_cache:User:1",
    },
    Case {
        event: "DeleteUserCommand",
        payload: r#"{"user_id":"1"}"#,
        rules: "DeleteUserCommand",
        warmed: "",
        gone: "query_cache:GetUserQuery:user:1 query_cache:GetUserQuery: \
            query_cache:ListUsersQuery:all",
        stay: "query_cache:GetActiveUsersQuery:1 query_cache:GetUserQuery query_cache:User:1",
    },
];
