//! What must not compile does not, for the reason that is written beside it; its twin does.
#![cfg(not(any(asan, aquifer_in_slab)))]

#[test]
fn what_must_not_compile_does_not_and_its_twin_does() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile/fail/*.rs");
    cases.pass("tests/compile/pass/*.rs");
}
