fn main() {
    let pool = aquifer::Pool::new();
    let mut kept = None;
    pool.scope(|scope| kept = Some(scope));
    kept.unwrap().alloc(1).unwrap();
}
