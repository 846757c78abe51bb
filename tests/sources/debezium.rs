//! A change of the database invalidates, with no code in between: what Debezium Server's Redis sink
//! writes, recorded.

use super::support::{Server, eventually, int};
use super::{source, taken};

/// Rules as a shop would have them, over a table of products.
const RULES: &str = r#"{"rules":[
    {"name":"row","eventType":"products.*","cacheKeys":["product:{row.id}"]},
    {"name":"lists","eventType":"products.*","tags":["category:{row.category_id|none}"]},
    {"name":"price","eventType":"products.update","when":"changed price","cacheKeys":["offers"]},
    {"name":"truncate","eventType":"products.truncate","cacheKeys":["product:*"]}]}"#;
