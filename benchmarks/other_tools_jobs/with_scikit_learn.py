"""CSV to model to report with scikit-learn, as one writes it by hand for this table."""

import sys

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay, classification_report
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

table, new, target = sys.argv[1:]
frame = pd.read_csv(table, na_values={"famincr": [99], "pid7na": [99]}).drop(columns="uid")
X, y = frame.drop(columns=target), frame[target].astype(str)
numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
categories = OneHotEncoder(handle_unknown="ignore")
columns = make_column_transformer(
    (numbers, make_column_selector(dtype_include="number")),
    (categories, make_column_selector(dtype_exclude="number")),
)
model = make_pipeline(columns, MLPClassifier(early_stopping=True, random_state=0))
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
model.fit(X_train, y_train)
print(classification_report(y_test, model.predict(X_test)))
figure, (left, right) = plt.subplots(1, 2)
ConfusionMatrixDisplay.from_estimator(model, X_test, y_test, ax=left)
RocCurveDisplay.from_estimator(model, X_test, y_test, ax=right)
figure.savefig("report.png")
later = pd.read_csv(new, na_values={"famincr": [99], "pid7na": [99]})
pd.DataFrame(model.predict_proba(later), columns=model.classes_).to_csv("new.csv", index=False)
