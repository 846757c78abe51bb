//! Products, categories and tenants.

use super::{Case, SpelledOut};

pub const SPELLED_OUT: &[SpelledOut] = &[
    (
        "product_update_triggers",
        "cacheKeys",
        "product:{productId} products:{tenantId}:* search:*:{productId} marketplace:search:* reports:{tenantId}:product-popularity:*",
    ),
    (
        "category_update_triggers",
        "cacheKeys",
        "category:{categoryId}:* products:{tenantId}:category:{categoryId}:* marketplace:categories:*",
    ),
    ("product-price-change", "when", "changed price"),
    (
        "product-price-change",
        "cacheKeys",
        "product:{productId} product:{tenantId}:{productId} marketplace:search:* marketplace:products:* marketplace:nearby:*",
    ),
];

pub const CASES: &[Case] = &[
    Case {
        event: "product.updated",
        payload: r#"{"eventType":"product.updated","productId":"p7","tenantId":"t1","timestamp":"2024-09-20T10:30:00Z"}"#,
        rules: "product-of-tenant product_update_triggers",
        warmed: "",
        gone: "product:p7 product:t1:p7 products:t1: products:t1:category:c1:page:1 search::p7 \
            search:shoes:p7 search:a:b:p7 marketplace:search:shoes:berlin \
            reports:t1:product-popularity:2024-09-20",
        stay: "product:p77 product:p product:t2:p7 product:t10:p7 product:t1:p77 product:t1:p7:x \
            products:t1 products:t10:all products:t2:category:c1:page:1 search:p7 \
            search:shoes:p7:x search:shoes:xp7 searches:shoes:p7 marketplace:search \
            marketplace:searches:a marketplace:products:search:shoes:berlin marketplace:nearby:a \
            reports:t1:product-popularity reports:t1:daily:2024-09-20 \
            reports:t2:product-popularity:2024-09-20 user:t1:u1:profile",
    },
    Case {
        event: "product.updated",
        payload: r#"{"productId":"p?","tenantId":"*"}"#,
        rules: "product-of-tenant product_update_triggers",
        warmed: "",
        gone: "product:p? product:*:p? products:*:all search:a:p? marketplace:search:a \
            reports:*:product-popularity:a",
        stay: "product:p7 product:t1:p7 product:t1:p? products:t1:all search:a:p7 \
            reports:t1:product-popularity:a",
    },
    Case {
        event: "product.updated",
        payload: r#"{"productId":"*","tenantId":"t[1-2]"}"#,
        rules: "product-of-tenant product_update_triggers",
        warmed: "",
        gone: "product:* product:t[1-2]:* products:t[1-2]:all search:a:*",
        stay: "product:7 product:t1:7 product:t1:* products:t1:all search:a:7",
    },
    // The event brings its own list along.
    Case {
        event: "product.updated",
        payload: r#"{"eventType":"product.updated","productId":"uuid","tenantId":"uuid","affectedCaches":["product:uuid","products:tenant:uuid:*","search:*:product:uuid","marketplace:nearby:*"],"timestamp":"2024-09-20T10:30:00Z"}"#,
        rules: "product-of-tenant product_update_triggers",
        warmed: "",
        gone: "product:uuid product:uuid:uuid products:tenant:uuid:1 products:uuid:1 \
            search:shoes:product:uuid search:shoes:uuid marketplace:nearby:52:13",
        stay: "product:uuid2 products:tenant:uuid products:tenant:uuid2:1 marketplace:nearby \
            search:shoes:product:uuid:1",
    },
    Case {
        event: "product.updated",
        payload: r#"{"productId":"p7","tenantId":"t1","before":{"price":10,"name":"a"},"after":{"price":12.5,"name":"a"}}"#,
        rules: "product-price-change product-of-tenant product_update_triggers",
        warmed: "",
        gone: "product:p7 product:t1:p7 products:t1:all marketplace:search:shoes \
            marketplace:products:search:shoes:berlin marketplace:products: marketplace:nearby:a \
            marketplace:nearby:",
        stay: "product:p77 product:t2:p7 products:t2:all marketplace:product:p7 \
            marketplace:products marketplace:nearby marketplace:shops:nearby:52:13:5 \
            marketplace:categories:a public:categories:hierarchy",
    },
    // The same price in other digits is no change.
    Case {
        event: "product.updated",
        payload: r#"{"productId":"p7","tenantId":"t1","before":{"price":10,"name":"a"},"after":{"price":10.0,"name":"b"}}"#,
        rules: "product-of-tenant product_update_triggers",
        warmed: "",
        gone: "product:p7 product:t1:p7 marketplace:search:shoes",
        stay: "marketplace:products:search:shoes:berlin marketplace:nearby:a",
    },
    Case {
        event: "product.update",
        payload: r#"{"productId":"p7","tenantId":"t1","before":{"price":1},"after":{"price":2}}"#,
        rules: "",
        warmed: "",
        gone: "",
        stay: "product:p7 product:t1:p7 products:t1:all marketplace:search:shoes",
    },
    Case {
        event: "category.updated",
        payload: r#"{"categoryId":"c1","tenantId":"t1"}"#,
        rules: "category_update_triggers",
        warmed: "",
        gone: "category:c1:tree category:c1: products:t1:category:c1:page:1 \
            marketplace:categories:all",
        stay: "category:c1 category:c10:tree category:c:tree categories:c1:tree \
            products:t1:category:c1 products:t1:category:c10:page:1 products:t2:category:c1:page:1 \
            products:t1:all marketplace:categories marketplace:category:c1 \
            public:categories:hierarchy",
    },
    Case {
        event: "category.updated",
        payload: r#"{"categoryId":"[a-z]","tenantId":"*"}"#,
        rules: "category_update_triggers",
        warmed: "",
        gone: "category:[a-z]:tree products:*:category:[a-z]:page:1",
        stay: "category:c:tree products:t1:category:c:page:1 products:t1:category:[a-z]:page:1",
    },
    Case {
        event: "user.updated",
        payload: r#"{"userId":"u1","tenantId":"t1"}"#,
        rules: "profile-of-tenant",
        warmed: "",
        gone: "user:t1:u1:profile user:t1:u1:permissions:x user:t1:u1:",
        stay: "user:t1:u1 user:t1:u10:profile user:t2:u1:profile user:t1:u:profile \
            users:t1:u1:profile user:u1:profile",
    },
    Case {
        event: "tenant.updated",
        payload: r#"{"tenantId":"t1"}"#,
        rules: "tenant-isolation",
        warmed: "",
        gone: "product:t1:p7 product:t1: products:t1:category:c1:page:1 products:t1: \
            user:t1:u1:profile user:t1: reports:t1:daily:2024-09-20 reports:t1:",
        stay: "product:t1 products:t1 user:t1 user:t12:u1:profile reports:t1 reports:t12:daily:a \
            product:p7 product:t2:p7 product:t10:p7 products:t11:all products:t:all \
            user:t2:t1:profile reports:daily:t1: marketplace:search:t1:x marketplace:products:t1 \
            public:categories:hierarchy",
    },
    Case {
        event: "tenant.updated",
        payload: r#"{"tenantId":"*"}"#,
        rules: "tenant-isolation",
        warmed: "",
        gone: "product:*:p7 reports:*:daily:a",
        stay: "product:t1:p7 products:t1:all user:t1:u1:profile reports:t1:daily:a",
    },
];
