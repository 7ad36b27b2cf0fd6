fn main() {
    let pool = aquifer::Pool::new();
    let mut kept = None;
    pool.scope(|scope| kept = scope.defer(|_| ()).ok());
    kept.unwrap().cancel();
}
