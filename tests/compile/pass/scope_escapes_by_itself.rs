fn main() {
    let pool = aquifer::Pool::new();
    pool.scope(|scope| {
        let kept = Some(scope);
        kept.unwrap().alloc(1).unwrap();
    });
}
