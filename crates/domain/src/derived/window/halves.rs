//! Numbers parted at a percentile: what is below is in one heap, what is above in another.
//!
//! Each heap knows the place of each of its numbers, so that any of them can be removed, not only the
//! one on top: everything takes O(log n) steps, and nothing is allocated but room for more numbers.
//! Numbers are in their total order (IEEE 754-2019, 5.10), so that equal ones and both zeros have a
//! fixed one too.

/// The numbers.
#[derive(Clone, Debug)]
pub(super) struct Halves {
    /// Of the whole, from 0 to 1: where they are parted.
    part: f64,
    numbers: Vec<f64>,
    /// For each number which heap it is in and where there; means nothing for those that are free.
    places: Vec<(Side, usize)>,
    free: Vec<usize>,
    /// Places of numbers; the greatest is on top.
    low: Vec<usize>,
    /// Places of numbers; the least is on top.
    high: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Low,
    High,
}

impl Halves {
    /// None yet; room for `room` of them.
    pub(super) fn new(part: f64, room: usize) -> Self {
        Self {
            part,
            numbers: Vec::with_capacity(room),
            places: Vec::with_capacity(room),
            free: Vec::with_capacity(room),
            low: Vec::with_capacity(room),
            high: Vec::with_capacity(room),
        }
    }

    /// Forgets all numbers.
    pub(super) fn clear(&mut self) {
        self.numbers.clear();
        self.places.clear();
        self.free.clear();
        self.low.clear();
        self.high.clear();
    }

    /// The number that [`insert`](Self::insert) gave `place` for.
    pub(super) fn number(&self, place: usize) -> f64 {
        self.numbers[place]
    }

    /// Takes `number` and says where it is.
    pub(super) fn insert(&mut self, number: f64) -> usize {
        let place = self.free.pop().unwrap_or(self.numbers.len());
        if place == self.numbers.len() {
            self.numbers.push(number);
            self.places.push((Side::High, 0));
        } else {
            self.numbers[place] = number;
        }
        let is_low =
            self.low.first().is_some_and(|&top| number.total_cmp(&self.numbers[top]).is_le());
        self.add(if is_low { Side::Low } else { Side::High }, place);
        self.balance();
        place
    }

    /// Forgets the number that [`insert`](Self::insert) gave `place` for.
    pub(super) fn remove(&mut self, place: usize) {
        let (side, index) = self.places[place];
        self.take(side, index);
        self.free.push(place);
        self.balance();
    }

    /// The percentile; of no number there is none.
    ///
    /// The numbers in order are 0 to n - 1; it is number (n - 1) × part, on the straight line between
    /// the two next to that: type 7 of Hyndman and Fan 1996, the default of numpy. It is reckoned from
    /// the nearer of the two, as there.
    pub(super) fn percentile(&self) -> Option<f64> {
        let below = self.numbers[*self.low.first()?];
        let Some(&above) = self.high.first() else { return Some(below) };
        let fraction = self.index(self.low.len() + self.high.len()).fract();
        Some(between(below, self.numbers[above], fraction))
    }

    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
    fn index(&self, count: usize) -> f64 {
        count.saturating_sub(1) as f64 * self.part
    }

    /// Makes the low half as large as the percentile needs it: what is on top of it is the number below.
    fn balance(&mut self) {
        let count = self.low.len() + self.high.len();
        #[expect(clippy::cast_possible_truncation, reason = "it is a whole number")]
        #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
        let wanted = count.min(self.index(count) as usize + 1);
        while self.low.len() < wanted {
            let place = self.take(Side::High, 0);
            self.add(Side::Low, place);
        }
        while self.low.len() > wanted {
            let place = self.take(Side::Low, 0);
            self.add(Side::High, place);
        }
    }

    const fn heap(&mut self, side: Side) -> &mut Vec<usize> {
        match side {
            Side::Low => &mut self.low,
            Side::High => &mut self.high,
        }
    }

    fn add(&mut self, side: Side, place: usize) {
        let heap = self.heap(side);
        heap.push(place);
        let index = heap.len() - 1;
        self.places[place] = (side, index);
        self.rise(side, index);
    }

    fn take(&mut self, side: Side, index: usize) -> usize {
        let heap = self.heap(side);
        let place = heap.swap_remove(index);
        if let Some(&moved) = heap.get(index) {
            self.places[moved] = (side, index);
            self.rise(side, index);
            self.sink(side, index);
        }
        place
    }

    fn rise(&mut self, side: Side, mut index: usize) {
        while index > 0 && self.is_above(side, index, (index - 1) / 2) {
            self.swap(side, index, (index - 1) / 2);
            index = (index - 1) / 2;
        }
    }

    fn sink(&mut self, side: Side, mut index: usize) {
        loop {
            let count = self.heap(side).len();
            let mut top = index;
            for child in [2 * index + 1, 2 * index + 2] {
                if child < count && self.is_above(side, child, top) {
                    top = child;
                }
            }
            if top == index {
                return;
            }
            self.swap(side, index, top);
            index = top;
        }
    }

    /// Whether what is at index `a` belongs above what is at index `b`.
    fn is_above(&mut self, side: Side, a: usize, b: usize) -> bool {
        let heap = self.heap(side);
        let (a, b) = (heap[a], heap[b]);
        let order = self.numbers[a].total_cmp(&self.numbers[b]);
        match side {
            Side::Low => order.is_gt(),
            Side::High => order.is_lt(),
        }
    }

    fn swap(&mut self, side: Side, a: usize, b: usize) {
        let heap = self.heap(side);
        heap.swap(a, b);
        let (first, second) = (heap[a], heap[b]);
        self.places[first].1 = a;
        self.places[second].1 = b;
    }
}

/// The number at `fraction` of the way from `below` to `above`, reckoned from the nearer of the two.
pub(super) fn between(below: f64, above: f64, fraction: f64) -> f64 {
    let step = above - below;
    if fraction < 0.5 { below + step * fraction } else { above - step * (1.0 - fraction) }
}
