-- q11: how much each bidder bids without a pause of ten seconds.
SELECT bidder, COUNT(*) AS bids, SESSION_START(`dateTime`, INTERVAL '10' SECOND) AS since,
       SESSION_END(`dateTime`, INTERVAL '10' SECOND) AS until
FROM bid
GROUP BY bidder, SESSION(`dateTime`, INTERVAL '10' SECOND)
