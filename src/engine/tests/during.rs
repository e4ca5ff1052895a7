//! Tests of during.
